import { type Measured, ratio } from './rounds.ts'
import type { Row } from './row.ts'

const WIDTH = 760
const LEFT = 330
const LINE = 34
const TOP = 62
const COLOURS = { wall: '#2563eb', cpu: '#0d9488', other: '#7c3aed' } as const

/** The ratios to the yardstick as bars: left of the line at 1 is better than OpenSSH. */
export function drawn(rows: readonly Row[], measuredOf: (name: string) => Measured | undefined): string {
  const bars = rows.flatMap((row) => {
    const measured = measuredOf(row.name)
    if (measured?.openssh === undefined) return []
    return row.goals
      .filter(({ to, least }) => to === undefined && least !== true)
      .map(({ figure }) => ({ title: row.title, figure, ...ratio(measured, 'ours', 'openssh', figure) }))
  })
  const height = TOP + bars.length * (LINE / 2) + 40
  const most = Math.max(1.1, ...bars.map(({ median }) => Math.min(median, 2)))
  const x = (value: number): number => LEFT + (Math.min(value, most) / most) * (WIDTH - LEFT - 50)
  const body = bars.map(({ title, figure, median, least, most: top }, at) => {
    const y = TOP + at * (LINE / 2)
    const colour = COLOURS[figure as 'wall' | 'cpu'] ?? COLOURS.other
    const first = bars[at - 1]?.title !== title
    return [
      first ? `<text x="${LEFT - 12}" y="${y + 10}" text-anchor="end">${escaped(title)}</text>` : '',
      `<rect x="${LEFT}" y="${y}" width="${(x(median) - LEFT).toFixed(1)}" height="12" rx="2" fill="${colour}"/>`,
      `<line x1="${x(least).toFixed(1)}" x2="${x(top).toFixed(1)}" y1="${y + 6}" y2="${y + 6}" stroke="#111827" stroke-width="1"/>`,
      `<text x="${(x(Math.max(median, top)) + 5).toFixed(1)}" y="${y + 10}" class="small">${median.toFixed(2)}</text>`,
    ].join('')
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="12">`,
    '<title>MiniFTP against OpenSSH’s server: time and CPU</title>',
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    `<text x="16" y="24" font-size="15" font-weight="600">MiniFTP against OpenSSH’s server, same client, same machine</text>`,
    `<text x="16" y="44" class="small">Shorter is better; 1 is OpenSSH. <tspan fill="${COLOURS.wall}">time</tspan> · <tspan fill="${COLOURS.cpu}">server CPU</tspan> · <tspan fill="${COLOURS.other}">other</tspan> · thin line: lowest to highest round</text>`,
    '<style>.small{font-size:11px;fill:#374151}</style>',
    ...body,
    `<line x1="${x(1).toFixed(1)}" x2="${x(1).toFixed(1)}" y1="${TOP - 6}" y2="${height - 26}" stroke="#b91c1c" stroke-dasharray="4 3"/>`,
    `<text x="${x(1).toFixed(1)}" y="${height - 12}" text-anchor="middle" class="small">OpenSSH</text>`,
    '</svg>',
    '',
  ].join('\n')
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}
