/** Stands for a run that is cut off: starts a program that starts another, and says which they are. */
import { startChild } from '#tests/support/child'

const child = startChild('/bin/sh', ['-c', 'sleep 300 & echo "$$ $!"; wait'], {
  stdio: ['ignore', 'pipe', 'ignore'],
})
// Said by the run itself, which has both the program and its watcher by then.
child.stdout?.pipe(process.stdout)
setInterval(() => {}, 1000)
