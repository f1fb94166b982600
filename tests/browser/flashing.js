/**
 * A camera of arithmetic: its pictures bear the moment at which they were taken, as real cameras' do, and a number that can be read again from whatever became of them (flashing.py).
 * They are always moving, dark or bright by turns of uneven length. In ms since the browser's clock began, `window.taken` tells when each was taken, by its number,
 * and `window.flashes` when one was bright for the first time. Everything else that asks for devices gets the real ones.
 */
{
  const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  const TURNS_MS = [700, 900, 600, 1100, 800];
  const EVERY_MS = 1000 / 30;
  const COLUMNS = 4;
  const CELL = 80;
  const { VideoFrame, MediaStreamTrackGenerator } = window; // what a test takes away from the page, its camera keeps
  window.flashes = [];
  window.taken = [];

  const film = () => {
    const canvas = Object.assign(document.createElement("canvas"), { width: 640, height: 360 });
    const pen = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
    const track = new MediaStreamTrackGenerator({ kind: "video" });
    const pictures = track.writable.getWriter();
    Object.defineProperty(track, "canvas", { value: canvas }); // it has no lens, and nothing to wait for
    let bright = false;
    let turn = 0;
    let nextMs = performance.now() + 500;
    const take = () => {
      const now = performance.now();
      if (now >= nextMs) {
        bright = !bright;
        nextMs = now + TURNS_MS[turn++ % TURNS_MS.length];
        if (bright) window.flashes.push(now);
      }
      const number = window.taken.push(now) - 1;
      pen.fillStyle = bright ? "#fff" : "#101010";
      pen.fillRect(0, 0, 640, 360);
      pen.fillStyle = "#7a3";
      pen.fillRect((now / 5) % 600, 10, 40, 40);
      for (let bit = 0; bit < 12; bit++) {
        const white = bit === 10 || (bit < 10 && (number >> bit) & 1); // the last two are always white and black
        pen.fillStyle = white ? "#fff" : "#000";
        pen.fillRect(160 + (bit % COLUMNS) * CELL, 60 + Math.floor(bit / COLUMNS) * CELL, CELL, CELL);
      }
      pictures.write(new VideoFrame(canvas, { timestamp: Math.round(1000 * now) })).catch(() => clearInterval(timer));
    };
    const timer = setInterval(take, EVERY_MS);
    take();
    return new MediaStream([track]);
  };

  navigator.mediaDevices.getUserMedia = async (wanted) => (wanted.video ? film() : real(wanted));
}
