import assert from 'node:assert/strict'
import { test } from 'node:test'
import { neighbourhood, networks } from '../../../src/accounts/network.ts'

test('networks: has the addresses of its lines, in both families and in IPv4 over IPv6', () => {
  const set = networks(['10.0.0.0/8', '192.0.2.7', '2001:db8::/32'])

  for (const inside of [
    '10.255.0.1',
    '192.0.2.7',
    '2001:db8:ffff::1',
    '::ffff:10.1.2.3',
    '2001:db8::1%eth0',
  ]) {
    assert.equal(set.has(inside), true, inside)
  }
  for (const outside of ['11.0.0.1', '192.0.2.8', '2001:db9::1', 'nonsense', '']) {
    assert.equal(set.has(outside), false, outside)
  }
})

test('networks: a line that is none is refused with a sentence', () => {
  for (const line of ['', '10.0.0.0/33', '::/129', '10.0.0/8', '10.0.0.0/8/8', '10.0.0.0/x', 'example.org']) {
    assert.throws(() => networks([line]), /is not a network: write an address/)
  }
})

test('neighbourhood: the /64 of an IPv6 address however it is written', () => {
  for (const address of [
    '2001:db8::1',
    '2001:0db8:0:0:ffff::',
    '2001:db8:0:0:1:2:3:4',
    '2001:db8::192.0.2.1',
  ]) {
    assert.equal(neighbourhood(address), '2001:db8::/64')
  }
  assert.equal(neighbourhood('::1'), '::/64')
  assert.equal(neighbourhood('192.0.2.1'), '192.0.2.1')
})
