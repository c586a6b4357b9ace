/** Stands for a run that is cut off: starts a program that starts another, and says which they are. */
import { startChild } from '#tests/support/child'

startChild('/bin/sh', ['-c', 'sleep 300 & echo "$$ $!"; wait'], {
  stdio: ['ignore', 'inherit', 'ignore'],
})
setInterval(() => {}, 1000)
