/**
 * Writes build/hot-pages-x64.txt: the pages of Bun's program that a fetch uses (ADR 64). Needed once for each
 * version of Bun. Needs root on Linux for a file system of its own, without read-ahead.
 */
import { execFile } from 'node:child_process';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import { fetcherEnv } from '../../bench/support/fetcher.ts';
import { fill, makeSurroundings, openDoor } from '../../bench/support/tiers.ts';
import { PT, segmentsOf } from '../../build/elf.ts';
import { compileExecutable, HOT_PAGES, installedBun, sha256Of } from '../../build/executable.ts';
import { hotPagesText, PAGE, type Pages } from '../../build/hot-pages.ts';
import { startOpenBao } from '../../test/support/openbao.ts';
import { scratch } from '../../test/support/scratch.ts';

const run = promisify(execFile);

if (process.platform !== 'linux' || process.arch !== 'x64' || process.getuid?.() !== 0)
	throw new Error('needs root on Linux on x64');

/** Mounts a new file system whose device reads nothing ahead. */
async function mountWithoutReadAhead(dir: string): Promise<{ at: string; unmount: () => Promise<void> }> {
	const [image, at] = [join(dir, 'image'), join(dir, 'mount')];
	await mkdir(at);
	await run('truncate', ['--size=256M', image]);
	await run('mkfs.ext4', ['-q', image]);
	await run('mount', ['-o', 'loop', image, at]);
	const { stdout } = await run('findmnt', ['--noheadings', '--output=SOURCE', at]);
	writeFileSync(join('/sys/class/block', stdout.trim().replace('/dev/', ''), 'queue/read_ahead_kb'), '0');
	return { at, unmount: async () => void (await run('umount', [at])) };
}

/** Neighbours among sorted page numbers. */
function rangesOf(pages: readonly number[]): readonly Pages[] {
	const ranges: { first: number; count: number }[] = [];
	for (const page of pages) {
		const last = ranges.at(-1);
		if (last !== undefined && last.first + last.count === page) last.count += 1;
		else ranges.push({ first: page, count: 1 });
	}
	return ranges;
}

const bao = await startOpenBao();
const { dir, remove } = await scratch('hot-pages');
try {
	const jwt = await openDoor(bao);
	await fill(bao, 'shop', 4);
	const { place, tokenFile } = await makeSurroundings(jwt, bao.addr, bao.caFile, 'shop');
	const built = join(dir, 'fetcher');
	await compileExecutable('fetcher/main.ts', built, 'x64', { pack: false });
	const { at, unmount } = await mountWithoutReadAhead(dir);
	try {
		const program = join(at, 'fetcher');
		copyFileSync(built, program);
		const env = fetcherEnv(bao, { deployment: 'shop', tokenFile, out: place.dir, addr: bao.addr });
		const trace = join(import.meta.dirname, 'trace.py');
		const { stdout } = await run('python3', [trace, program], { env: { PATH: process.env['PATH'], ...env } });
		// What follows the code belongs to the bundle, not to Bun.
		const code = segmentsOf(readFileSync(built)).filter(({ type }) => type === PT.load)[1];
		const end = code === undefined ? 0 : Math.floor((code.offset + code.fileSize) / PAGE);
		const pages = (JSON.parse(stdout) as number[]).filter((page) => page < end);
		writeFileSync(HOT_PAGES, hotPagesText({ bun: await sha256Of(installedBun()), pages: rangesOf(pages) }));
		process.stdout.write(`${pages.length} pages, ${(pages.length * PAGE) / 2 ** 20} MiB\n`);
	} finally {
		await unmount();
		await place.remove();
	}
} finally {
	await remove();
	await bao.stop();
}
