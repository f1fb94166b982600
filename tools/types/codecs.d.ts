// WebCodecs' Opus registration has these members; the type libraries do not know them yet.
interface OpusEncoderConfig {
  application?: "audio" | "lowdelay" | "voip";
  signal?: "auto" | "music" | "voice";
}
