import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  nearest,
  parseBytes,
  parseDuration,
  showBytes,
  showClock,
  showDuration,
} from '../../../src/base/units.ts'

test('units: sizes as people write them', () => {
  for (const [text, bytes] of [
    ['0', 0],
    ['1000000', 1_000_000],
    ['500k', 512_000],
    ['1.5M', 1_572_864],
    ['10GiB', 10 * 1024 ** 3],
    ['10 GB', 10 * 1024 ** 3],
    ['2t', 2 * 1024 ** 4],
  ] as const) {
    assert.equal(parseBytes(text), bytes, text)
  }
  for (const bad of ['', 'GiB', '-1', '1e9', '10 GiBs', '1,5M', 'Infinity', '9999999P']) {
    assert.throws(() => parseBytes(bad), { code: 'EINVAL', message: /is not a size: write one/ }, bad)
  }
})

test('units: a size that is shown has three digits that matter', () => {
  assert.deepEqual([0, 1023, 1024, 1536, 10_485_760, 1_073_741_823, 1_073_741_824].map(showBytes), [
    '0 B',
    '1023 B',
    '1 KiB',
    '1.5 KiB',
    '10 MiB',
    '1 GiB',
    '1 GiB',
  ])
})

test('units: a time that is shown is read back as it was', () => {
  assert.deepEqual([0, 1, 1_500, 90_000, 300_000, 7_200_000, 86_400_000, 604_800_000].map(showDuration), [
    '0s',
    '1ms',
    '1500ms',
    '90s',
    '5m',
    '2h',
    '1d',
    '1w',
  ])
  fc.assert(fc.property(fc.nat(), (ms) => parseDuration(showDuration(ms)) === ms))
  for (const bad of ['', 'm', '-5m', '5 minutes', '1h30m']) {
    assert.throws(() => parseDuration(bad), { code: 'EINVAL', message: /is not a time: write one/ }, bad)
  }
})

test('units: a time that passes is shown in seconds, and one that nobody can say as that', () => {
  assert.deepEqual(
    [showClock(undefined), showClock(500), showClock(61_000), showClock(3_723_000)],
    ['-:--', '0:01', '1:01', '1:02:03'],
  )
})

test('units: the nearest word is one that is near', () => {
  assert.equal(nearest('prot', ['host', 'port']), 'port')
  assert.equal(nearest('xylophone', ['host', 'port']), undefined)
})
