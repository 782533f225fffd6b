import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isOpError, OpError } from '../../../src/base/error.ts'
import type { Line, Link } from '../../../src/client/link.ts'
import { openSides } from '../../../src/client/prompt.ts'
import { clientWords } from '../../../src/client/words.ts'
import { memoryFileSystem } from '../../../src/vfs/memory.ts'
import { virtualPath } from '../../../src/vfs/path.ts'

/** Both sides in memory; a session lives until it is ended. */
function sides({ isAway = false, isSilent = false, send = async (): Promise<void> => assert.fail() } = {}) {
  const lines: { readonly end: () => void }[] = []
  const complaints: string[] = []
  const printed = { once: (_line: string): void => {} }
  const link = {
    async line() {
      await Promise.resolve()
      if (isSilent) await new Promise(() => {})
      if (isAway) throw new OpError('ECONNREFUSED', 'Nobody listens')
      let isAlive = true
      const end = (): void => {
        isAlive = false
      }
      lines.push({ end })
      return {
        vfs: Object.assign(memoryFileSystem(), { session: { alive: () => isAlive, end } }),
        isOurs: false,
      } as unknown as Line
    },
  } as unknown as Link
  const root = virtualPath('/')
  const disk = memoryFileSystem()
  const both = openSides({
    words: clientWords({ send, fetch: () => assert.fail() }, {}, '/home/$&'),
    link,
    disk,
    digests: { of: () => assert.fail(), async [Symbol.asyncDispose]() {} },
    user: 'ada',
    screen: {
      write: async () => {},
      print: (line) => printed.once(line),
      complain: (line) => void complaints.push(line),
      columns: () => undefined,
      colours: false,
    },
    folders: { local: { cwd: root }, remote: { cwd: root } },
    signal: new AbortController().signal,
  })
  return { both, lines, complaints, printed, disk }
}

const running = (): AbortSignal => new AbortController().signal

test('sides: a word that runs while Tab looks for names has one session with it', async () => {
  const { both, lines } = sides()

  await Promise.all([both.complete('ls a'), both.run('pwd', running())])

  assert.equal(lines.length, 1)
})

test('sides: a session that was lost is said to be there again, one that ^C ended is not', async () => {
  const { both, lines, complaints, printed } = sides()
  await both.run('pwd', running())
  lines[0]!.end()

  await both.run('pwd', running())
  assert.deepEqual(complaints, ['Connected again'])
  const stop = new AbortController()
  printed.once = () => stop.abort()
  await both.run('pwd', stop.signal)
  await both.run('pwd', running())

  assert.equal(lines.length, 3)
  assert.deepEqual(complaints, ['Connected again'])
})

test('sides: what needs no server is done without one', async () => {
  const { both } = sides({ isAway: true })

  for (const word of ['help', 'help put', 'lls', 'lpwd', 'lcd .'])
    assert.equal(await both.run(word, running()), false, word)
  for (const word of ['bye', 'exit', 'quit']) assert.equal(await both.run(word, running()), true, word)

  assert.deepEqual(await both.complete('lp'), [['lpwd '], 'lp'])
  await assert.rejects(both.run('lsp', running()), (error) => isOpError(error, 'EUSAGE'))
  for (const word of ['ls', 'put f', 'mput f', 'get f'])
    await assert.rejects(both.run(word, running()), (error) => isOpError(error, 'ECONNREFUSED'), word)
})

test('sides: help tells each option of the words that move files', async () => {
  const { both, printed } = sides()
  const told: string[] = []
  printed.once = (line) => void told.push(line)

  await both.run('help put', running())
  await both.run('help mget', running())

  for (const option of ['-r, --recursive', '-p, --preserve', '-f, --force', '--restart', '--no-verify'])
    for (const text of told) assert.ok(text.includes(option), text)
  assert.ok(told[1]!.includes('--partial') && !told[0]!.includes('--partial'))
})

test('sides: lcd goes home alone and by ~', async () => {
  const { both, printed, disk } = sides()
  for (const path of ['/home', '/home/$&', '/home/$&/deep', '/~x']) await disk.mkdir(virtualPath(path))
  const places: string[] = []
  printed.once = (line) => void places.push(line)

  for (const line of ['lcd ~/deep', 'lcd /~x', 'lcd ~', 'lcd /', 'lcd', 'lcd /', 'lcd ~x']) {
    await both.run(line, running())
    await both.run('lpwd', running())
  }

  assert.deepEqual(places, ['/home/$&/deep', '/~x', '/home/$&', '/', '/home/$&', '/', '/~x'])
})

test('sides: a word that is ended while the server does not answer leaves it', async () => {
  const { both } = sides({ isSilent: true })
  const stop = new AbortController()
  const ran = both.run('ls', stop.signal)

  stop.abort()

  await assert.rejects(ran, (error) => isOpError(error, 'ECANCELED'))
})

// Each looked at the folder of before the line: `cd old; rm *` removed all that was where it stood.
test('sides: what is joined by ";" is done where the words before it went', async () => {
  const sent: string[] = []
  const { both, printed, disk } = sides({ send: async () => void sent.push(both.remote) })
  const told: string[] = []
  printed.once = (line) => void told.push(line)
  await disk.mkdir(virtualPath('/here'))

  await both.run('mkdir old; cd old; mkdir in && pwd; put a; lcd here; lpwd', running())
  assert.deepEqual([told, sent, both.remote], [['/old', '/here'], ['/old'], '/old'])

  await assert.rejects(both.run('cd in; ls nothere; cd /', running()), (error) => isOpError(error, 'ENOENT'))
  assert.equal(both.remote, '/old/in')
  await both.run('cd -', running())
  assert.equal(both.remote, '/old')
})

test('sides: Tab looks on the side of the last word that is joined', async () => {
  const { both, disk } = sides()
  await disk.mkdir(virtualPath('/here'))
  await both.run('mkdir there', running())

  assert.deepEqual(await both.complete('lpwd; cd '), [['there/'], ''])
  assert.deepEqual(await both.complete('pwd && lcd h'), [['here/'], 'h'])
})
