// Worklets have no timers. Modules that worklets share with workers (engine/ring.js) use them on the worker's side only.
declare function setTimeout(callback: (value?: any) => void, ms: number): number;
