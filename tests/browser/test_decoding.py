"""What people download begins at the performance's first sample in a browser too, whatever its codec delays."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Playwright

from tests.unit.test_studio_stem import chirp, lag_samples, rms_dbfs, sine
from unisono.studio import files
from unisono.units import SAMPLE_RATE

_ARGUMENTS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]

_DECODE = """async (encoded) => {
  const bytes = Uint8Array.from(atob(encoded), (character) => character.charCodeAt(0));
  const sound = await new OfflineAudioContext(2, 48000, 48000).decodeAudioData(bytes.buffer);
  const channels = [];
  for (let index = 0; index < sound.numberOfChannels; index += 1) {
    const raw = new Uint8Array(sound.getChannelData(index).buffer);
    let text = '';
    for (let at = 0; at < raw.length; at += 8192) text += String.fromCharCode(...raw.subarray(at, at + 8192));
    channels.push(btoa(text));
  }
  return channels;
}"""


@pytest.mark.browser
def test_chromium_hears_every_form_from_sample_zero(tmp_path: Path, playwright: Playwright) -> None:
    samples = 2 * SAMPLE_RATE
    sung = np.stack([chirp(samples), 0.5 * sine(997, samples)], axis=1).astype(np.float32)
    browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=_ARGUMENTS)
    try:
        page = browser.new_page()
        for form in (*files.MIX_FORMS, files.WAV_24):
            path = tmp_path / f"a.{form.kind}"
            files.write(path, sung, form)
            told = page.evaluate(_DECODE, base64.b64encode(path.read_bytes()).decode())
            left, right = (np.frombuffer(base64.b64decode(channel), dtype=np.float32) for channel in told)
            assert samples <= len(left) <= samples + 1024, form.kind
            assert abs(lag_samples(left, sung[:, 0])) < 0.1 * SAMPLE_RATE / 1000, form.kind
            assert abs(rms_dbfs(left[:samples]) - rms_dbfs(sung[:, 0])) < 0.3, form.kind
            assert abs(rms_dbfs(right[:samples]) - rms_dbfs(sung[:, 1])) < 0.3, form.kind
    finally:
        browser.close()
