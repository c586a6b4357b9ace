/** Replaces pino's worker threads in Vercel's function, whose log needs none. */
export default class NoThreads {}
