import type { Figures } from './rounds.ts'
import type { Server } from './servers.ts'
import type { Stage } from './stage.ts'

/** The figures there are, and their units. */
export const UNITS = {
  wall: 's',
  cpu: 's',
  /** Time and server CPU of one login. */
  each: 'ms',
  cost: 'ms',
  rate: '/s',
  p50: 'ms',
  p99: 'ms',
  /** READs answered by a slow disk. */
  reads: '',
  /** Memory of one session: its part of all pages, and of those that belong to no file. */
  pss: 'KiB',
  anonymous: 'KiB',
  growth: 'MiB',
} as const
export type Figure = keyof typeof UNITS

/** What is measured: a line of performance.md's goals. */
export interface Row {
  readonly name: string
  readonly title: string
  /** Figures that are compared with the yardstick's, and what the ratio may be at most (with `least`: at least). */
  readonly goals: readonly Goal[]
  /** Peers beside the yardstick that are measured too. */
  readonly peers?: boolean
  readonly rounds?: number
  /** Rounds before those that count: what a server does over and over is compiled in its first minutes. */
  readonly warm?: number
  /** Each round with servers that have just been started. */
  readonly fresh?: boolean
  /** Files that all servers serve; called once a server before the rounds. */
  prepare?(stage: Stage, server: Server): void
  measure(stage: Stage, server: Server, round: number): Promise<Figures>
}

export interface Goal {
  readonly figure: Figure
  readonly must: number
  readonly stretch?: number
  /** 'openssh' if not said; 'rclone'; 'none': the figure itself is compared with the goal. */
  readonly to?: string
  /** More is better. */
  readonly least?: boolean
}

/** Wall and CPU against the yardstick. */
export function wallAndCpu(
  wall: readonly [must: number, stretch: number],
  cpu: readonly [must: number, stretch: number],
): Goal[] {
  return [
    { figure: 'wall', must: wall[0], stretch: wall[1] },
    { figure: 'cpu', must: cpu[0], stretch: cpu[1] },
  ]
}
