import { capacityFor, type Figures, peakOf, requestsPerSecondOf } from '#bench/capacity'
import { explainLimit, limitsOf, neon } from '#bench/capacity-limits'
import { type Question, readQuestion } from '#bench/capacity-options'
import { readFigures } from '#bench/figures'
import { poolSize } from '#bench/servers'
import { figure, toTable, whole } from '#bench/tables'

/** What a load needs, and what so many cores can answer where the question names some. */
export function answer(question: Question): string {
  const figures = figuresFor(question)
  const { users, tasksPerUser, requestsPerUserDay, peakFactor, has } = question
  const load = { ...{ users, tasksPerUser }, requestsPerSecond: peak(question) }
  const needed = capacityFor(figures, load)
  const limits = limitsOf(needed)
  const parts = [
    `${whole(users)} users with ${whole(tasksPerUser)} tasks each and ${requestsPerUserDay} requests a day, the peak ${peakFactor} times the mean; ${question.host} host, rate limit on, ${Math.round(question.usableShare * 100)} % of each core planned for.`,
    toTable(
      ['what', 'needed'],
      [
        ['requests/s at the peak', whole(load.requestsPerSecond)],
        ['service cores', coresIn(needed.serviceCores)],
        ['Postgres cores', coresIn(needed.postgresCores)],
        ['connections in use', whole(Math.ceil(needed.connections))],
        ['storage GB', figure(needed.storageGigabytes)],
        ['cost a month', whole(needed.costPerMonth)],
      ],
    ),
    limits.length === 0
      ? 'One process and one Postgres will do.'
      : limits.map(explainLimit).join('\n'),
  ]
  if (has !== undefined) {
    const { serviceCores, postgresCores } = has
    const connections = Math.ceil(serviceCores) * poolSize
    const rate = requestsPerSecondOf(figures, { serviceCores, postgresCores, connections })
    parts.push(
      `${serviceCores} service cores and ${postgresCores} of Postgres, with ${connections} connections, answer ${whole(rate)} requests/s: ${whole(usersFor(rate, question))} such users.`,
    )
  }
  return parts.join('\n\n')
}

const sizes = [1e6, 1e7, 1e8]
const hosts = { node: 'Node host', next: 'Next host' }

/** What the figures on the pages come to, for docs/scaling.md. */
export function standardAnswers(): string {
  const question = readQuestion({})
  const { tasksPerUser, requestsPerUserDay, peakFactor } = question
  const onNode = figuresFor(question)
  const onNext = figuresFor({ ...question, host: 'next' })
  const answers = (title: string, perSecond: number) => [
    ...[title, whole(perSecond), whole(usersFor(perSecond, question))],
  ]
  const rate = (figures: Figures, ms: number, cores = 1) =>
    (cores * figures.usableShare * 1000) / ms
  const bothMs = onNode.serviceMs + onNode.postgresMs
  const reach = [
    ...(['node', 'next'] as const).map((host) => {
      const { serviceMs } = host === 'node' ? onNode : onNext
      return answers(`one process, ${hosts[host]}`, rate(onNode, serviceMs))
    }),
    ...[4, 16].map((cores) =>
      answers(
        `one machine of ${cores} cores, Node host and Postgres on it`,
        rate(onNode, bothMs, cores),
      ),
    ),
    ...[1, neon.scalesToUnits, neon.largestUnits].map((units) =>
      answers(`one Neon compute, size ${units}`, rate(onNode, onNode.postgresMs, units)),
    ),
  ]
  const needs = sizes.flatMap((users) =>
    (['node', 'next'] as const).map((host) => {
      const load = { users, tasksPerUser, requestsPerSecond: peak({ ...question, users }) }
      const figures = host === 'node' ? onNode : onNext
      const needed = capacityFor(figures, load)
      return [
        ...[whole(users), hosts[host], whole(load.requestsPerSecond)],
        ...[whole(Math.ceil(needed.serviceCores)), whole(Math.ceil(needed.postgresCores))],
        ...[whole(Math.ceil(needed.connections)), whole(needed.storageGigabytes)],
        whole(needed.costPerMonth),
      ]
    }),
  )
  const hours = (onNext.serviceMs * 1e6) / 3_600_000
  return [
    `For users with ${tasksPerUser} tasks each who send ${requestsPerUserDay} requests a day, at a peak of ${peakFactor} times the mean, with the rate limit on; ${Math.round(question.usableShare * 100)} % of each core is planned for. A request of the load test's mix then costs ${ms(onNode.serviceMs)} ms CPU on the Node host, ${ms(onNext.serviceMs)} on Next and ${ms(onNode.postgresMs)} in Postgres, and holds a connection for ${ms(onNode.connectionMs)} ms.`,
    '### How far one goes',
    toTable(['what', 'requests/s', 'users'], reach),
    `On Vercel the CPU time is what counts: a million requests take ${figure(hours)} hours of it, if Vercel's cores are like this one.`,
    '### What so many users need',
    toTable(
      [
        ...['users', 'service', 'requests/s', 'service cores', 'Postgres cores'],
        ...['connections in use', 'storage GB', 'cost a month'],
      ],
      needs,
    ),
  ].join('\n\n')
}

function figuresFor({ host, tasksPerUser, prices, usableShare }: Question) {
  return readFigures(host, tasksPerUser, prices, usableShare)
}

function peak({ users, requestsPerUserDay, peakFactor }: Question): number {
  return peakOf(users, requestsPerUserDay, peakFactor)
}

function usersFor(rate: number, { requestsPerUserDay, peakFactor }: Question): number {
  return Math.floor(rate / peakOf(1, requestsPerUserDay, peakFactor))
}

function coresIn(cores: number): string {
  return `${figure(cores)}, so ${whole(Math.ceil(cores))}`
}

function ms(value: number): string {
  return value.toFixed(2)
}
