/** Builds an executable: Bun, the bundled sources and their bytecode in one file (ADR 59). */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { packHotPages, parseHotPages } from './hot-pages.ts';
import { npmPack } from './npm.ts';

const run = promisify(execFile);

/** Bun's packages for Linux, by Node's name of the architecture. */
const LINUX = { x64: '@oven/bun-linux-x64', arm64: '@oven/bun-linux-aarch64' } as const;

/** The hot pages of Bun for x64. */
export const HOT_PAGES = join(import.meta.dirname, 'hot-pages-x64.txt');

/** One of these architectures. */
export type Arch = keyof typeof LINUX;

/** True if executables can be built for this architecture. */
export const isArch = (name: string): name is Arch => name in LINUX;

/**
 * Builds the executable `outfile` from the program `main`. Modules that it imports on demand are loaded on
 * demand (ADR 64).
 *
 * @param arch builds it for Linux on this architecture; undefined: for this machine
 * @param options `pack`: false leaves the pages where Bun has them
 * @returns the paths of all source files
 */
export async function compileExecutable(
	main: string,
	outfile: string,
	arch: Arch | undefined,
	{ pack = true }: { readonly pack?: boolean } = {},
): Promise<readonly string[]> {
	const work = await mkdtemp(join(tmpdir(), 'envtier-executable-'));
	try {
		const own = installedBun();
		const target = arch === undefined ? own : await bunFor(LINUX[arch], work);
		const runtime = join(work, 'runtime');
		await writeFile(runtime, withoutVariables(await readFile(target)), { mode: 0o755 });
		const metafile = join(work, 'metafile.json');
		// Ignores .env and bunfig.toml in the working directory. tsconfig.json and package.json are ignored by
		// default.
		await run(own, [
			'build',
			'--compile',
			'--minify',
			'--bytecode',
			'--format=esm',
			'--target=bun',
			'--splitting',
			'--no-compile-autoload-dotenv',
			'--no-compile-autoload-bunfig',
			// The engine waits fifty times longer before it compiles a function to machine code. In a process of a
			// tenth of a second the compilation seldom saves time.
			'--compile-jit-policy=50',
			`--compile-executable-path=${runtime}`,
			`--metafile=${metafile}`,
			`--outfile=${outfile}`,
			main,
		]);
		if (pack) await packFile(outfile, target);
		const { inputs } = JSON.parse(await readFile(metafile, 'utf8')) as { readonly inputs: object };
		return Object.keys(inputs);
	} finally {
		await rm(work, { recursive: true, force: true });
	}
}

/** Packs the executable if the hot pages of its version of Bun are known. */
async function packFile(outfile: string, bun: string): Promise<void> {
	const hot = parseHotPages(await readFile(HOT_PAGES, 'utf8'));
	if (hot.bun !== (await sha256Of(bun))) return;
	await writeFile(outfile, packHotPages(await readFile(outfile), hot.pages));
}

/** The SHA-256 of a file in hexadecimal. */
export const sha256Of = async (file: string): Promise<string> =>
	createHash('sha256')
		.update(await readFile(file))
		.digest('hex');

function ownPackage(): string {
	const { platform, arch } = process;
	return `@oven/bun-${platform === 'win32' ? 'windows' : platform}-${arch === 'arm64' ? 'aarch64' : arch}`;
}

/** The path of Bun's program for this machine, among the installed packages. */
export function installedBun(): string {
	const manifest = createRequire(import.meta.url).resolve(`${ownPackage()}/package.json`);
	return join(dirname(manifest), 'bin/bun');
}

/**
 * The path of Bun for another architecture, which npm does not install here. Downloads the package and
 * compares its hash with package-lock.json.
 */
async function bunFor(name: string, work: string): Promise<string> {
	if (name === ownPackage()) return installedBun();
	const lock = JSON.parse(await readFile(join(import.meta.dirname, '../package-lock.json'), 'utf8')) as Lock;
	const entry = lock.packages[`node_modules/${name}`];
	if (entry === undefined) throw new Error(`package-lock.json does not name ${name}`);
	const content = await readFile(await npmPack(`${name}@${entry.version}`, work));
	const hash = `sha512-${createHash('sha512').update(content).digest('base64')}`;
	if (hash !== entry.integrity) throw new Error(`${name} is not the package that package-lock.json names`);
	const tarFile = join(work, 'package.tar');
	await writeFile(tarFile, gunzipSync(content));
	await run('tar', ['--extract', `--file=${tarFile}`, `--directory=${work}`, 'package/bin/bun']);
	return join(work, 'package/bin/bun');
}

interface Lock {
	readonly packages: Readonly<Record<string, { readonly version: string; readonly integrity: string }>>;
}

/**
 * Prefixes of environment variables that Bun reads before it runs a program: options of Bun and its engine,
 * programs to preload, debuggers, request logs, trusted certificates, files for TLS secrets.
 */
const VARIABLES = [
	'BUN_',
	'NODE_CHANNEL_',
	'NODE_COMPILE_CACHE',
	'NODE_EXTRA_CA_CERTS',
	'NODE_TLS_',
	'NODE_USE_SYSTEM_CA',
	'SSL_CERT_',
];

/** A byte that no variable name in a pod contains, because the API server accepts ASCII only. */
const NEVER = 0xff;

/**
 * Renames these variables inside Bun, so that they are never set. Bun has no option to ignore them. With
 * BUN_OPTIONS or BUN_BE_BUN an executable would load another program.
 */
function withoutVariables(bun: Buffer): Buffer {
	for (const name of VARIABLES) {
		let count = 0;
		for (let at = bun.indexOf(name); at >= 0; at = bun.indexOf(name, at + 1)) {
			bun[at] = NEVER;
			count += 1;
		}
		if (count === 0) throw new Error(`this version of Bun has no variable ${name}: look at the list again`);
	}
	return bun;
}
