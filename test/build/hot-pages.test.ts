import { once } from 'node:events';
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import process from 'node:process';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { PF, PT, type Segment, segmentsOf } from '../../build/elf.ts';
import { compileExecutable, HOT_PAGES, installedBun, sha256Of } from '../../build/executable.ts';
import { hotPagesText, movesOf, PAGE, parseHotPages } from '../../build/hot-pages.ts';
import { buildFetcher, makePod, type Pod, startFetcher } from '../fetcher/support/fetcher.ts';
import { onPath } from '../support/process.ts';
import { scratch } from '../support/scratch.ts';

const possible = process.platform === 'linux' && process.arch === 'x64' && onPath('python3') !== undefined;

const readOnlySegments = (file: Buffer): readonly Segment[] =>
	segmentsOf(file).filter(
		({ type, flags }) => type === PT.load && (flags === PF.read || flags === EXECUTABLE),
	);
const EXECUTABLE = PF.read | PF.execute;

/** The memory of a process where this segment is. */
function memoryOf(pid: number, { address, fileSize }: Segment): Buffer {
	const memory = openSync(`/proc/${pid}/mem`, 'r');
	const content = Buffer.alloc(fileSize);
	for (let at = 0; at < fileSize; )
		at += readSync(memory, content, at, Math.min(fileSize - at, 1 << 24), address + at);
	closeSync(memory);
	return content;
}

/** The parts of a file that a process has mapped. */
function mappingsOf(pid: number, file: string) {
	const lines = readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n');
	return lines
		.filter((line) => line.endsWith(file))
		.map((line) => {
			const [, start = '', permissions = ''] = /^([0-9a-f]+)-\S+ (\S+)/.exec(line) ?? [];
			return { start: Number.parseInt(start, 16), permissions };
		});
}

/** Runs what follows it, and lets the kernel refuse mremap(2) (25 on x86-64) with EPERM. */
const WITHOUT_MREMAP = `
import ctypes, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
rows = [(0x20, 0, 0, 0), (0x15, 0, 1, 25), (0x06, 0, 0, 0x00050001), (0x06, 0, 0, 0x7fff0000)]
filters = ctypes.create_string_buffer(b''.join(struct.pack('=HBBI', *row) for row in rows))
class Program(ctypes.Structure):
    _fields_ = [('length', ctypes.c_ushort), ('filters', ctypes.c_void_p)]
program = Program(len(rows), ctypes.addressof(filters))
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, ctypes.byref(program)) == 0
os.execv(sys.argv[1], sys.argv[1:])
`;

describe.skipIf(!possible)(
	`the executable for x64${possible ? '' : ' (not run: needs Linux on x64 and python3)'}`,
	() => {
		let executable: string;
		let pod: Pod;
		let silent: Server;
		let unpacked: Buffer;
		beforeAll(async () => {
			executable = await buildFetcher();
			const place = await scratch('unpacked');
			await compileExecutable('fetcher/main.ts', join(place.dir, 'fetcher'), 'x64', { pack: false });
			unpacked = readFileSync(join(place.dir, 'fetcher'));
			await place.remove();
			silent = createServer().listen(0, '127.0.0.1');
			await once(silent, 'listening');
		}, 120_000);
		afterAll(() => void silent.close());
		beforeEach(async () => {
			pod = await makePod('e30.e30.e30');
		});
		afterEach(() => pod.scratch.remove());

		test('build/hot-pages-x64.txt is for the Bun of package.json (else run dev/hot-pages/main.ts)', async () => {
			expect(parseHotPages(readFileSync(HOT_PAGES, 'utf8')).bun).toBe(await sha256Of(installedBun()));
			expect(movesOf(unpacked)).toBeUndefined();
		});

		test('its pages are moved into the code and the constants, and no page twice', () => {
			const moves = movesOf(readFileSync(executable)) ?? [];
			expect(moves.length).toBeGreaterThan(10);
			const [constants, code] = readOnlySegments(unpacked);
			let end = 0;
			for (const { from, bytes, to } of moves) {
				expect([from % PAGE, bytes % PAGE, to % PAGE]).toEqual([0, 0, 0]);
				expect(to).toBeGreaterThanOrEqual(end);
				end = to + bytes;
				const segment = [constants, code].find(
					(one) => one !== undefined && to >= one.address && end <= one.address + one.fileSize,
				);
				expect(segment?.flags).toBeOneOf([PF.read, PF.read | PF.execute]);
			}
		});

		test.each<readonly [string, readonly string[]]>([
			['as usual', []],
			['where the kernel refuses to move pages', ['python3', '-c', WITHOUT_MREMAP]],
		])('has the code and the constants of the unpacked one in memory, %s', async (_, launcher) => {
			const connected = once(silent, 'connection');
			const running = await startFetcher(
				executable,
				pod,
				{
					ENVTIER_VAULT_ADDR: `https://127.0.0.1:${(silent.address() as AddressInfo).port}`,
					ENVTIER_VAULT_ROLE: 'web',
					ENVTIER_ORG: 'acme',
					ENVTIER_DEPLOYMENT: 'shop',
					ENVTIER_SERVICE: 'web',
				},
				{ launcher },
			);
			await Promise.race([connected, running.exited]);
			expect(running.stdout()).toBe('');
			try {
				for (const segment of readOnlySegments(unpacked)) {
					// The headers on the first page name the new segment.
					const skipped = segment.offset === 0 ? PAGE : 0;
					const { offset, fileSize } = segment;
					const original = unpacked.subarray(offset + skipped, offset + fileSize);
					expect(memoryOf(running.pid, segment).subarray(skipped).equals(original)).toBe(true);
				}
				const mapped = mappingsOf(running.pid, executable);
				expect(mapped.length).toBeGreaterThan(launcher.length === 0 ? 100 : 3);
				const [constants] = readOnlySegments(unpacked);
				const end = (constants?.address ?? 0) + (constants?.fileSize ?? 0);
				// Nothing can be both written and executed, and constants can be neither.
				expect(mapped.filter(({ permissions }) => /wx/.test(permissions))).toEqual([]);
				expect(mapped.filter(({ start, permissions }) => start < end && /[wx]/.test(permissions))).toEqual(
					[],
				);
			} finally {
				await running.stop();
			}
		});
	},
);

test('what is written about pages is read again', () => {
	const gaps = fc.array(
		fc.record({ gap: fc.integer({ min: 1, max: 500 }), count: fc.integer({ min: 1, max: 90 }) }),
	);
	fc.assert(
		fc.property(fc.stringMatching(/^[0-9a-f]{64}$/), gaps, (bun, parts) => {
			let next = 0;
			const pages = parts.map(({ gap, count }) => {
				const first = next + gap;
				next = first + count;
				return { first, count };
			});
			expect(parseHotPages(hotPagesText({ bun, pages }))).toEqual({ bun, pages });
		}),
	);
});
