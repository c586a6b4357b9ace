/** Stands for pino's worker threads where the log is written by the process itself. */
export default class NoThreads {}
