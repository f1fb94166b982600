/**
 * A camera of arithmetic: a canvas that is always moving, dark or bright by turns of uneven length. `window.flashes` tells, in ms since the browser's clock began, when it was
 * drawn bright. Everything else that asks for devices gets the real ones.
 */
{
  const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  const TURNS_MS = [700, 900, 600, 1100, 800];
  window.flashes = [];
  window.drawn = 0;

  const film = () => {
    const canvas = Object.assign(document.createElement("canvas"), { width: 640, height: 360 });
    const pen = canvas.getContext("2d", { alpha: false });
    let bright = false;
    let turn = 0;
    let nextMs = performance.now() + 500;
    const draw = () => {
      const now = performance.now();
      if (now >= nextMs) {
        bright = !bright;
        nextMs = now + TURNS_MS[turn++ % TURNS_MS.length];
        if (bright) window.flashes.push(now);
      }
      window.drawn += 1;
      pen.fillStyle = bright ? "#fff" : "#101010";
      pen.fillRect(0, 0, 640, 360);
      pen.fillStyle = "#7a3";
      pen.fillRect((now / 5) % 600, 150, 40, 40);
    };
    setInterval(draw, 16);
    draw();
    return canvas.captureStream(30);
  };

  navigator.mediaDevices.getUserMedia = async (wanted) => (wanted.video ? film() : real(wanted));
}
