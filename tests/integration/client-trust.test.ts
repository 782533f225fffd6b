import assert from 'node:assert/strict'
import { appendFileSync, chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { startCuttingProxy } from '../support/cutting-proxy.ts'
import { startSshd } from '../support/other-servers.ts'
import { without } from '../support/run-client.ts'
import { miniftp } from '../support/run-miniftp.ts'
import { startServer } from '../support/start-server.ts'

const server = await startServer()
after(() => server[Symbol.asyncDispose]())
const here = (name: string): string => join(server.folder, name)
const there = (name: string): string => join(server.home('ada'), name)
writeFileSync(here('f'), 'content')

/** A program that writes down what it is asked and says `answer`: for SSH_ASKPASS. */
function answering(answer: string): { readonly env: NodeJS.ProcessEnv; readonly asked: () => string } {
  const file = here(`asked-${answer}`)
  writeFileSync(here(`say-${answer}`), `#!/bin/sh\necho "$1" >> ${file}\necho ${answer}\n`)
  chmodSync(here(`say-${answer}`), 0o755)
  const env = { ...process.env, SSH_ASKPASS: here(`say-${answer}`), SSH_ASKPASS_REQUIRE: 'force' }
  return { env, asked: () => (existsSync(file) ? readFileSync(file, 'utf8') : '') }
}

test('client: an unknown host is asked for by its fingerprint, and a yes is remembered', async () => {
  const known = ['-o', `UserKnownHostsFile=${here('known')}`, '-o', 'StrictHostKeyChecking=ask']
  const no = answering('no')
  const yes = answering('yes')

  const refused = await miniftp(server, ['put', ...known, 'f', 'ftp:a'], { env: no.env })
  const trusted = await miniftp(server, ['put', ...known, 'f', 'ftp:b'], { env: yes.env })
  const again = await miniftp(server, ['put', ...known, 'f', 'ftp:c'], { env: no.env })

  assert.equal(refused.status, 1)
  assert.match(refused.stderr, /"127\.0\.0\.1:\d+" was not trusted/)
  assert.match(no.asked(), /is not known yet\. Its key is ed25519 SHA256:\S{43}/)
  assert.ok(!existsSync(there('a')))
  assert.deepEqual([trusted.status, again.status], [0, 0], trusted.stderr + again.stderr)
  assert.equal(no.asked().match(/not known yet/g)?.length, 1, 'nobody is asked for what is known')
})

test('client: a changed host key is refused whatever the strictness, with the line that disagrees', async () => {
  const other = 'AAAAC3NzaC1lZDI1NTE5AAAAIIBsdgL0tEZcXnSzbLDyVtfqUT4D4oBXPqbPVK8z3vTE'
  writeFileSync(here('changed'), `# a comment\n[127.0.0.1]:${server.port} ssh-ed25519 ${other}\n`)
  for (const strictness of ['ask', 'yes', 'accept-new', 'no']) {
    const words = ['-o', `UserKnownHostsFile=${here('changed')}`, '-o', `StrictHostKeyChecking=${strictness}`]

    const done = await miniftp(server, ['put', ...words, 'f', 'ftp:x'], { env: answering('yes').env })

    assert.equal(done.status, 1)
    assert.match(done.stderr, /has changed, now ed25519 SHA256:\S{43}\..*changed, line 2\)/)
    assert.ok(!existsSync(there('x')))
  }
})

test('client: goes over the hosts that ProxyJump names, each of them known', {
  skip: without('sshd'),
}, async () => {
  await using hop = await startSshd({ shell: true })
  await using proxy = await startCuttingProxy(hop.port)
  const config = here('jump_config')
  const hopKey = readFileSync(join(hop.folder, 'host.pub'), 'utf8')
  writeFileSync(here('hop_known'), `[127.0.0.1]:${proxy.port} ${hopKey}`)
  const user = /User (\S+)/.exec(readFileSync(hop.sshConfig, 'utf8'))![1]
  const hopLines = (known: string): string =>
    `Host hop\n  HostName 127.0.0.1\n  Port ${proxy.port}\n  User ${user}\n  IdentityFile ${join(hop.folder, 'key')}\n  UserKnownHostsFile ${known}\n`
  const plain = readFileSync(server.sshConfig, 'utf8').replace(/^Host .*\n/m, '$&  ProxyJump hop\n')
  writeFileSync(config, plain)
  appendFileSync(config, `\n${hopLines(here('hop_known'))}`)
  writeFileSync(here('jump_unknown'), `${plain}\n${hopLines('/dev/null')}  GlobalKnownHostsFile /dev/null\n`)

  const done = await miniftp({ ...server, sshConfig: config }, ['put', 'f', 'ftp:over-hop'])
  proxy.cutAfter([500])
  const cut = await miniftp({ ...server, sshConfig: config }, ['put', '--retry-for', '0ms', 'f', 'ftp:cut'])
  const unknown = await miniftp({ ...server, sshConfig: here('jump_unknown') }, ['put', 'f', 'ftp:unknown'])

  assert.equal(done.status, 0, done.stderr)
  assert.equal(readFileSync(there('over-hop'), 'utf8'), 'content')
  assert.deepEqual([cut.status, proxy.cuts], [1, 1], 'it goes by the hop and no other way')
  assert.equal(unknown.status, 1)
  assert.match(unknown.stderr, new RegExp(`"127.0.0.1:${proxy.port}" is not known`))
  assert.ok(!existsSync(there('unknown')))
})
