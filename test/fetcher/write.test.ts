import { execFileSync, spawnSync } from 'node:child_process';
import {
	chmodSync,
	lstatSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	readlinkSync,
	statSync,
	symlinkSync,
	writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Failure } from '../../fetcher/failure.ts';
import type { OutputFile } from '../../fetcher/render/render.ts';
import { writeOutputs } from '../../fetcher/write.ts';
import { startProcess } from '../support/process.ts';
import { type Scratch, scratch } from '../support/scratch.ts';
import { filesBelow } from './support/fetcher.ts';

let place: Scratch;
let out: string;
beforeEach(async () => {
	place = await scratch('write');
	out = join(place.dir, 'volume');
	mkdirSync(out);
	// So that a fetcher of another UID gets here.
	chmodSync(place.dir, 0o755);
});
afterEach(() => place.remove());

const mode = (path: string): string => (statSync(join(out, path)).mode & 0o7777).toString(8);

/** All formats with one value. */
const outputs = (value: string, keys: readonly string[] = ['A', 'B']): readonly OutputFile[] => [
	{ path: 'env', content: `${value}\n` },
	{ path: '.env', content: `${value}\n` },
	{ path: 'files', content: new Map(keys.map((key) => [key, value])) },
];

function failureOf(work: () => void): Failure {
	try {
		work();
	} catch (thrown) {
		if (thrown instanceof Failure) return thrown;
		throw thrown;
	}
	throw new Error('it did not fail');
}

const workingDirectories = (): readonly string[] =>
	readdirSync(out).filter((name) => name.startsWith('..envtier-'));

test('files are 0600 and directories 0700, whatever the umask and a default ACL say', () => {
	for (const umask of [0, 0o022, 0o777]) {
		// vitest's own process must not keep it.
		const script = `process.umask(${umask}); (await import(process.argv[1])).writeOutputs(process.argv[2], [
			{ path: 'env', content: 'x' }, { path: 'files', content: new Map([['A', 'x']]) }])`;
		const module = new URL('../../fetcher/write.ts', import.meta.url).href;
		execFileSync(process.execPath, ['--input-type=module', '-e', script, module, out]);
		expect(['env', 'files', 'files/A'].map(mode)).toEqual(['600', '700', '600']);
		expect(mode(workingDirectories()[0] ?? '')).toBe('700');
	}
});

test('the volume’s own mode and other people’s files are left alone', () => {
	chmodSync(out, 0o1777);
	writeFileSync(join(out, 'mine'), 'x', { mode: 0o644 });
	writeOutputs(out, outputs('1'));
	expect(mode('.')).toBe('1777');
	expect(mode('mine')).toBe('644');
});

test('a later run replaces everything; keys that are gone disappear; nothing else is left', () => {
	writeOutputs(out, outputs('1', ['A', 'B', 'GONE']));
	writeOutputs(out, outputs('2'));
	expect(readdirSync(join(out, 'files')).sort()).toEqual(['A', 'B']);
	expect(workingDirectories()).toHaveLength(1);
	const files = Object.entries(filesBelow(out)).filter(([path]) => !path.startsWith('..'));
	expect(new Set(files.map(([, text]) => text.trim()))).toEqual(new Set(['2']));
});

test('without the files format no directory is left behind', () => {
	writeOutputs(out, [{ path: 'env', content: 'x' }]);
	expect(readdirSync(out)).toEqual(['env']);
});

test('files of a killed run are removed without following links', () => {
	const precious = join(place.dir, 'precious');
	mkdirSync(precious);
	writeFileSync(join(precious, 'file'), 'keep');
	mkdirSync(join(out, '..envtier-0000'));
	symlinkSync(precious, join(out, '..envtier-0000/link'));
	symlinkSync(precious, join(out, '..envtier-link'));
	writeOutputs(out, [{ path: 'env', content: 'x' }]);
	expect(readdirSync(out)).toEqual(['env']);
	expect(readFileSync(join(precious, 'file'), 'utf8')).toBe('keep');
});

describe('links in the volume', () => {
	test('in the place of a file: the link is replaced, its target untouched', () => {
		const target = join(place.dir, 'target');
		writeFileSync(target, 'keep');
		for (const path of ['env', '.env']) symlinkSync(target, join(out, path));
		symlinkSync(join(place.dir, 'nowhere'), join(out, 'files'));
		writeOutputs(out, outputs('1'));
		expect(readFileSync(target, 'utf8')).toBe('keep');
		expect(lstatSync(join(out, 'env')).isFile()).toBe(true);
		expect(readFileSync(join(out, 'files/A'), 'utf8')).toBe('1');
		expect(readdirSync(place.dir).sort()).toEqual(['target', 'volume']);
	});

	test('in the place of the files directory, to a directory elsewhere: that one is neither filled nor emptied', () => {
		const elsewhere = join(place.dir, 'elsewhere');
		mkdirSync(elsewhere);
		writeFileSync(join(elsewhere, 'A'), 'keep');
		symlinkSync(elsewhere, join(out, 'files'));
		writeOutputs(out, outputs('1'));
		expect(filesBelow(elsewhere)).toEqual({ A: 'keep' });
		expect(readlinkSync(join(out, 'files'))).toMatch(/^\.\.envtier-\d+-\d+$/);
	});
});

describe('a write error says why and changes nothing', () => {
	const unchanged = (work: () => void, message: RegExp): void => {
		const before = filesBelow(out);
		const failure = failureOf(work);
		expect({ reason: failure.reason, message: failure.message }).toEqual({
			reason: 'write-failed',
			message: expect.stringMatching(message),
		});
		expect(filesBelow(out)).toEqual(before);
	};

	test('no such directory', () => {
		unchanged(() => writeOutputs(join(out, 'none'), outputs('1')), /volume\/none does not exist \(ENOENT\)/);
	});

	test('a file in the directory’s place', () => {
		writeFileSync(join(out, 'file'), '');
		unchanged(
			() => writeOutputs(join(out, 'file'), outputs('1')),
			/volume\/file is not a directory \(ENOTDIR\)/,
		);
	});

	test('a directory in a file’s place', () => {
		writeOutputs(out, outputs('1').slice(1));
		mkdirSync(join(out, 'env'));
		unchanged(
			() => writeOutputs(out, outputs('2')),
			/volume\/env is a directory that Envtier did not create/,
		);
	});

	test('a directory of someone else’s in the place of ours', () => {
		mkdirSync(join(out, 'files'));
		unchanged(
			() => writeOutputs(out, outputs('2')),
			/volume\/files is a directory that Envtier did not create/,
		);
	});

	test('a key longer than a file name', () => {
		writeOutputs(out, outputs('1'));
		unchanged(
			() => writeOutputs(out, outputs('2', ['K'.repeat(300)])),
			/longer than a file name can be \(ENAMETOOLONG\)/,
		);
	});
});

test('ten thousand keys and a value of a MiB', () => {
	const keys = Array.from({ length: 10_000 }, (_, i) => `KEY_${i}`);
	writeOutputs(out, [...outputs('1', keys), { path: 'env.json', content: 'x'.repeat(1 << 20) }]);
	expect(readdirSync(join(out, 'files'))).toHaveLength(10_000);
	expect(statSync(join(out, 'env.json')).size).toBe(1 << 20);
});

/** Runs a program that replaces the outputs for ever, each round with the next number, `big` files' worth. */
async function startWriter() {
	const module = new URL('../../fetcher/write.ts', import.meta.url).href;
	const script = `
		const { writeOutputs } = await import(${JSON.stringify(module)});
		const keys = Array.from({ length: 40 }, (_, i) => 'KEY_' + i);
		process.stdout.write('ready');
		for (let round = 1; ; round++) {
			const value = String(round).padStart(8, '0').repeat(512);
			writeOutputs(${JSON.stringify(out)}, [
				{ path: 'env', content: value },
				{ path: 'files', content: new Map(keys.map((key) => [key, value])) },
			]);
		}`;
	const running = await startProcess({
		name: 'writer',
		command: process.execPath,
		args: ['--input-type=module', '-e', script],
	});
	await running.waitUntil(
		'it writes',
		() => running.stdout() === 'ready' && readdirSync(out).includes('files'),
	);
	return running;
}

/** The value of a whole file: one number, 512 times. */
function wholeNumber(text: string): number {
	expect(text).toHaveLength(8 * 512);
	expect(text).toBe(text.slice(0, 8).repeat(512));
	return Number(text.slice(0, 8));
}

/**
 * Reads the whole files directory. Undefined when it was replaced meanwhile, as any reader of a link must
 * check.
 */
function readFilesOnce(): readonly number[] | undefined {
	const link = join(out, 'files');
	const target = readlinkSync(link);
	const replaced = (): boolean => readlinkSync(link) !== target;
	try {
		const names = readdirSync(join(out, target));
		const values = names.map((name) => readFileSync(join(out, target, name), 'utf8'));
		return replaced() ? undefined : values.map(wholeNumber);
	} catch (thrown) {
		if (replaced()) return undefined;
		throw thrown;
	}
}

test('a reader sees the old or the new file during a write', async () => {
	await using writer = await startWriter();
	let seen = 0;
	let last = 0;
	for (let look = 0; look < 300; look++) {
		const env = wholeNumber(readFileSync(join(out, 'env'), 'utf8'));
		expect(env).toBeGreaterThanOrEqual(last);
		last = env;
		const values = readFilesOnce();
		if (values === undefined) continue;
		seen += 1;
		expect(values).toHaveLength(40);
		expect(new Set(values).size).toBe(1);
	}
	expect(seen).toBeGreaterThan(0);
	expect(writer.stderr()).toBe('');
}, 60_000);

/**
 * Writes outputs in a process that kills itself before its `step`-th call of node:fs, in the middle of a
 * write. Returns whether it survived.
 */
function writeUntil(step: number, value: string): boolean {
	const module = new URL('../../fetcher/write.ts', import.meta.url).href;
	const script = `
		import fs from 'node:fs';
		import { syncBuiltinESMExports } from 'node:module';
		let left = -1;
		for (const name of Object.keys(fs).filter((name) => name.endsWith('Sync'))) {
			const real = fs[name];
			fs[name] = (...args) => {
				if (left-- !== 0) return real(...args);
				if (name === 'writeFileSync') real(args[0], args[1].slice(0, args[1].length / 2));
				process.kill(process.pid, 'SIGKILL');
			};
		}
		const { writeOutputs } = await import(${JSON.stringify(module)});
		syncBuiltinESMExports();
		left = ${step};
		const value = ${JSON.stringify(value)};
		writeOutputs(${JSON.stringify(out)}, [
			{ path: 'env', content: value }, { path: 'files', content: new Map([['A', value], ['B', value]]) }]);`;
	const { signal, status } = spawnSync(process.execPath, ['--input-type=module', '-e', script]);
	if (signal !== 'SIGKILL') expect(status).toBe(0);
	return signal === null;
}

test('SIGKILL before any step or during any write leaves the old or the new files', () => {
	const [old, young] = ['old '.repeat(100), 'new '.repeat(100)];
	expect(writeUntil(-1, old)).toBe(true);
	let [step, ofOld, ofNew] = [0, 0, 0];
	while (!writeUntil(step, young)) {
		const env = readFileSync(join(out, 'env'), 'utf8');
		const files = ['A', 'B'].map((key) => readFileSync(join(out, 'files', key), 'utf8'));
		expect([old, young], `env, killed before step ${step}`).toContain(env);
		expect([old, young], `files, killed before step ${step}`).toContain(files[0]);
		expect(files[1]).toBe(files[0]);
		if (env === old) ofOld += 1;
		else ofNew += 1;
		step += 1;
		// Old again; what the killed one left is swept away.
		expect(writeUntil(-1, old)).toBe(true);
		expect(readdirSync(out).filter((name) => name.startsWith('..envtier-'))).toHaveLength(1);
	}
	// Most of the work comes before the first change, the last of it after.
	expect(ofOld).toBeGreaterThan(15);
	expect(ofNew).toBeGreaterThan(1);
}, 180_000);

/** Mounting needs root; in a mount namespace of its own, so that nothing is left behind. */
function onTmpfs(options: string, script: string): string {
	const module = new URL('../../fetcher/write.ts', import.meta.url).href;
	const program = `
		import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
		const { writeOutputs } = await import(${JSON.stringify(module)});
		const out = ${JSON.stringify(out)};
		const attempt = (work) => { try { work(); return 'written'; } catch (thrown) { return thrown.reason + ': ' + thrown.message; } };
		${script}`;
	writeFileSync(join(place.dir, 'program.mjs'), program);
	const mount = `mount -t tmpfs -o ${options} tmpfs ${out}`;
	const command = `${mount} && exec ${process.execPath} ${join(place.dir, 'program.mjs')} ${out}`;
	return execFileSync('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', command], {
		encoding: 'utf8',
	});
}

describe.runIf(process.getuid?.() === 0)('on a memory volume', () => {
	test('that is full: nothing changes and nothing is left, so that a later run with less has room', () => {
		const seen = onTmpfs(
			'size=256k',
			`
			const small = [{ path: 'env', content: 'old' }];
			const large = [{ path: 'env', content: 'x'.repeat(200_000) }, { path: 'files', content: new Map([['A', 'y'.repeat(100_000)]]) }];
			console.log(attempt(() => writeOutputs(out, small)));
			console.log(attempt(() => writeOutputs(out, large)));
			console.log(readdirSync(out).join() + ' ' + readFileSync(out + '/env', 'utf8'));
			console.log(attempt(() => writeOutputs(out, small)));`,
		);
		expect(seen.split('\n')).toEqual([
			'written',
			`write-failed: ${out} is full: 300000 bytes are to be written, beside those of an earlier run; see ENVTIER_VOLUME_SIZE (ENOSPC)`,
			'env old',
			'written',
			'',
		]);
	});

	test('that has no room for another file', () => {
		const seen = onTmpfs(
			'nr_inodes=20',
			`console.log(attempt(() => writeOutputs(out, [{ path: 'files', content: new Map(Array.from({ length: 50 }, (_, i) => ['K' + i, 'x'])) }])));
			console.log(readdirSync(out).length);`,
		);
		expect(seen).toMatch(/^write-failed: .* is full: 50 bytes .*\n0\n$/);
	});

	test('that is read-only', () => {
		const seen = onTmpfs(
			'ro',
			`console.log(attempt(() => writeOutputs(out, [{ path: 'env', content: 'x' }])));`,
		);
		expect(seen).toBe(`write-failed: ${out} is read-only (EROFS)\n`);
	});

	test('that another user owns', () => {
		const seen = onTmpfs(
			'mode=0755',
			`process.setuid(65532);
			console.log(attempt(() => writeOutputs(out, [{ path: 'env', content: 'x' }])));`,
		);
		expect(seen).toBe(`write-failed: the fetcher (UID 65532) may not write to ${out} (EACCES)\n`);
	});

	test('as Kubernetes makes it, 0777 and root’s: a fetcher of another UID writes what only that UID reads', () => {
		const seen = onTmpfs(
			'mode=0777',
			`import { statSync } from 'node:fs';
			process.setgid(65532); process.setuid(65532);
			console.log(attempt(() => writeOutputs(out, [{ path: 'env', content: 'x' }, { path: 'files', content: new Map([['A', 'x']]) }])));
			for (const path of ['env', 'files', 'files/A']) { const { uid, mode } = statSync(out + '/' + path); console.log(uid, (mode & 0o7777).toString(8)); }`,
		);
		expect(seen.split('\n')).toEqual(['written', '65532 600', '65532 700', '65532 600', '']);
	});
});
