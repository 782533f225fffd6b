import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import { join, resolve } from 'node:path'
import { drawn } from './picture.ts'
import { type Measured, ratio, type Spread, spread } from './rounds.ts'
import { type Goal, type Row, UNITS } from './row.ts'

const BENCH = resolve(import.meta.dirname, '..')
const KEPT = join(BENCH, 'results.json')
const YARDSTICK = 'openssh'

/** What is kept of a row: results.json, out of which RESULTS.md is written. */
interface Kept {
  readonly date: string
  readonly machine: string
  readonly versions: readonly string[]
  readonly measured: Measured
  /** Rounds before these, which were not counted. */
  readonly warm?: number
}

/** Rounds as a table: each server's medians, and its ratio to the yardstick. */
export function print(row: Row, measured: Measured): void {
  console.log(`\n${row.name}: ${row.title}`)
  for (const line of linesOf(measured)) console.log(`  ${line.join('  ')}`)
  for (const goal of row.goals) console.log(`  goal ${goalText(goal)}: ${verdict(goal, measured)}`)
}

/** Puts a row's measurements into results.json and writes RESULTS.md and the picture anew. */
export function save(rows: readonly Row[], row: Row, measured: Measured, versions: readonly string[]): void {
  const kept: Record<string, Kept> = existsSync(KEPT) ? JSON.parse(readFileSync(KEPT, 'utf8')) : {}
  kept[row.name] = {
    date: new Date().toISOString().slice(0, 16),
    machine: machine(),
    versions,
    measured,
    ...(row.warm !== undefined && { warm: row.warm }),
  }
  writeFileSync(KEPT, `${JSON.stringify(kept, rounded)}\n`)
  writeFileSync(join(BENCH, 'RESULTS.md'), page(rows, kept))
  writeFileSync(
    join(BENCH, 'results.svg'),
    drawn(rows, (name) => kept[name]?.measured),
  )
}

function page(rows: readonly Row[], kept: Readonly<Record<string, Kept>>): string {
  const there = rows.flatMap((row) => (kept[row.name] === undefined ? [] : [{ row, ...kept[row.name]! }]))
  const summary = there.flatMap(({ row, measured }) =>
    row.goals.map(
      (goal) =>
        `| ${row.name} | ${row.title} | ${goal.figure} | ${goalText(goal)} | ${reached(goal, measured)} | ${noise(goal, measured)} | ${verdict(goal, measured)} |`,
    ),
  )
  const details = there.flatMap(({ row, date, machine, versions, measured, warm }) => [
    `### ${row.name}: ${row.title}`,
    '',
    `\`npm run bench ${row.name}\` · ${date} UTC · ${rowsOf(measured)} rounds${warm === undefined ? '' : ` after ${warm} that do not count`} · ${machine} · ${versions.join('; ')}`,
    '',
    '```',
    ...linesOf(measured).map((line) => line.join('  ')),
    '```',
    '',
  ])
  return [
    '# Results',
    '',
    'Written by `npm run bench`; the rounds are in results.json. Servers take turns within each round; a ratio is',
    'taken round by round, and the median and (lowest–highest) of the rounds are shown. The yardstick is OpenSSH’s sshd',
    'with internal-sftp. *Noise* is a second sshd against the first: what that column shows as a difference is none.',
    'Everything lies in memory (tmpfs), and the clients share the cores with the server. CPU is user and system time of all the server’s processes.',
    'Rows of many small requests have rounds first that do not count, for all servers: ours is compiled in its first minutes.',
    'Our server runs as it always does: quota, upload state and log on. What falls short is explained in docs/performance.md.',
    '',
    '| row | what | figure | goal (stretch) | measured | noise | |',
    '|---|---|---|---|---|---|---|',
    ...summary,
    '',
    '## Every server',
    '',
    ...details,
  ].join('\n')
}

function linesOf(measured: Measured): string[][] {
  const figures = [
    ...new Set(Object.values(measured).flatMap((all) => all.flatMap((one) => Object.keys(one)))),
  ]
  const lines = [['server', ...figures.flatMap((figure) => [figure, `/ ${YARDSTICK}`])]]
  for (const [label, all] of Object.entries(measured)) {
    if (all.length === 0) continue
    const cells = figures.flatMap((figure) => [
      shown(spread(all.map((one) => one[figure]!)), unitOf(figure)),
      label === YARDSTICK || measured[YARDSTICK] === undefined
        ? ''
        : shown(ratio(measured, label, YARDSTICK, figure), 'x'),
    ])
    lines.push([label, ...cells])
  }
  const widths = lines[0]!.map((_, at) => Math.max(...lines.map((line) => line[at]!.length)))
  return lines.map((line) => line.map((cell, at) => cell.padEnd(widths[at]!)))
}

function unitOf(figure: string): string {
  return (UNITS as Readonly<Record<string, string>>)[figure] ?? ''
}

function shown({ median, least, most }: Spread, unit: string): string {
  const text = (value: number): string => (Number.isFinite(value) ? value.toPrecision(3) : '-')
  return unit === 'x'
    ? `x${median.toFixed(2)} (${least.toFixed(2)}-${most.toFixed(2)})`
    : `${text(median)} ${unit} (${text(least)}-${text(most)})`
}

function goalText({ must, stretch, to = YARDSTICK, least, figure }: Goal): string {
  const sign = least === true ? '≥' : '≤'
  const of = to === 'none' ? ` ${unitOf(figure)}` : to === YARDSTICK ? '' : ` of ${to}`
  return `${sign} ${must}${stretch === undefined ? '' : ` (${stretch})`}${of}`
}

function reached(goal: Goal, measured: Measured): string {
  const { to = YARDSTICK, figure } = goal
  if (to === 'none') return shown(spread(measured.ours!.map((one) => one[figure]!)), unitOf(figure))
  return measured[to] === undefined ? '-' : shown(ratio(measured, 'ours', to, figure), 'x')
}

function noise({ figure, to }: Goal, measured: Measured): string {
  const again = measured['openssh again']
  return again === undefined || to === 'none'
    ? ''
    : shown(ratio(measured, 'openssh again', YARDSTICK, figure), 'x')
}

function verdict(goal: Goal, measured: Measured): string {
  const { to = YARDSTICK, figure, must, stretch, least } = goal
  if (to !== 'none' && measured[to] === undefined) return 'not measured'
  const { median } =
    to === 'none' ? spread(measured.ours!.map((one) => one[figure]!)) : ratio(measured, 'ours', to, figure)
  const within = (limit: number): boolean => (least === true ? median >= limit : median <= limit)
  if (stretch !== undefined && within(stretch)) return 'stretch'
  return within(must) ? 'met' : '**short**'
}

function rowsOf(measured: Measured): number {
  return Math.max(...Object.values(measured).map((all) => all.length))
}

function machine(): string {
  const [cpu] = cpus()
  return `${cpus().length} x ${cpu?.model.trim() ?? 'CPU'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}`
}

function rounded(_key: string, value: unknown): unknown {
  return typeof value === 'number' ? Number(value.toPrecision(5)) : value
}
