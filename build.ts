/**
 * Bundles each program into one self-contained file; the webhook’s has a folder for what it loads on demand.
 * The images contain the same files. The dashboard's are a folder beside
 * the API's. `node build.ts [--out=DIRECTORY] [--arch=x64|arm64] [program…]`. The
 * default directory is dist/. `--arch` is the architecture of the fetcher's executable.
 */
import { chmodSync, existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { type BuildOptions, build, type Plugin } from 'esbuild';
import {
	billOfMaterials,
	bunPackage,
	type Package,
	packagesIn,
	sourcesOf,
} from './build/bill-of-materials.ts';
import { compileExecutable, isArch } from './build/executable.ts';
import { buildUi } from './build/ui.ts';

/** CommonJS packages call `require` for Node's built-ins, and an ES module has none. */
const REQUIRE =
	"import { createRequire as __createRequire } from 'node:module';\nconst require = __createRequire(import.meta.url);";

/**
 * Loads built-in modules with process.getBuiltinModule. An `import` reads every export of a module, getters
 * included: node:http then loads undici (80 ms), node:fs its promises, and node:tls the root certificates.
 */
const bareBuiltins: Plugin = {
	name: 'bare-builtins',
	setup: ({ onResolve, onLoad }) => {
		onResolve({ filter: /^[a-z]/ }, ({ path, kind }) =>
			isBuiltin(path) && kind !== 'require-call' ? { path, namespace: 'builtin' } : undefined,
		);
		onLoad({ filter: /.*/, namespace: 'builtin' }, ({ path }) => ({
			contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)});`,
		}));
	},
};

/**
 * Modules that node-vault imports and that our client replaces with its own functions (lib/vault/client.ts):
 * axios and node:https send requests, debug writes logs, tv4 and mustache serve the table of commands. The
 * table of commands is left out as well.
 */
const UNUSED: Readonly<Record<string, string>> = {
	axios: 'module.exports = {};',
	debug: 'module.exports = () => () => undefined;',
	https: 'module.exports = {};',
	mustache: 'module.exports = {};',
	tv4: 'module.exports = {};',
	'./commands.js': 'module.exports = {};',
	events: "module.exports = process.getBuiltinModule('node:events');",
};

const leanNodeVault: Plugin = {
	name: 'lean-node-vault',
	setup: ({ onResolve, onLoad }) => {
		onResolve({ filter: /.*/ }, ({ path, importer }) => {
			if (!/node_modules\/node-vault\/src$/.test(dirname(importer))) return undefined;
			if (path in UNUSED) return { path, namespace: 'unused' };
			return path === 'events' ? { path, namespace: 'unused' } : undefined;
		});
		onLoad({ filter: /.*/, namespace: 'unused' }, ({ path }) => ({ contents: UNUSED[path] ?? '' }));
	},
};

/**
 * Modules that KubeConfig imports for the package's own clients, which our programs do not use: undici's
 * agents, and a thousand classes of API objects.
 */
const kubeConfigAlone: Plugin = {
	name: 'kube-config-alone',
	setup: ({ onResolve, onLoad }) => {
		onResolve({ filter: /^(?:undici|\.\/gen\/index\.js)$/ }, ({ path }) => ({ path, namespace: 'unused' }));
		onLoad({ filter: /.*/, namespace: 'unused' }, () => ({
			contents:
				'module.exports = { Agent: class {}, ProxyAgent: class {}, createConfiguration: undefined, ServerConfiguration: undefined };',
		}));
	},
};

/**
 * Webhook, API and command line use KubeConfig of @kubernetes/client-node and send requests themselves. A
 * dynamic import is bundled whole, with unused parts; so that class is bundled first, on its own.
 *
 * @param sources takes the paths of its source files
 */
const leanKubernetes = (sources: Set<string>): Plugin => ({
	name: 'lean-kubernetes',
	setup: ({ onLoad }) => {
		onLoad({ filter: /node_modules\/@kubernetes\/client-node\/dist\/index\.js$/ }, async ({ path }) => {
			const resolveDir = dirname(path);
			const bundle = await build({
				...SHARED,
				stdin: { contents: "export { KubeConfig } from './config.js';", resolveDir },
				plugins: [kubeConfigAlone],
				metafile: true,
				write: false,
			});
			for (const source of sourcesOf(bundle.metafile)) sources.add(source);
			return { contents: bundle.outputFiles[0]?.text ?? '', resolveDir };
		});
	},
});

/**
 * The webhook reads bodies itself (webhook/server/body.ts). Express still loads its own parsers,
 * which load the tables of a hundred character sets.
 */
const withoutBodyParser: Plugin = {
	name: 'without-body-parser',
	setup: ({ onResolve, onLoad }) => {
		onResolve({ filter: /^body-parser$/ }, ({ path }) => ({ path, namespace: 'no-parser' }));
		onLoad({ filter: /.*/, namespace: 'no-parser' }, () => ({ contents: 'module.exports = {};' }));
	},
};

/**
 * The responses of webhook and controller have three content types. Express loads a table of 2,500 (mime-db),
 * a tenth of the bundle.
 */
const fewContentTypes: Plugin = {
	name: 'few-content-types',
	setup: ({ onLoad }) => {
		onLoad({ filter: /node_modules\/mime-db\/db\.json$/ }, async ({ path }) => {
			const all = JSON.parse(await readFile(path, 'utf8')) as Readonly<Record<string, unknown>>;
			const kept = ['application/json', 'text/html', 'text/plain'].map((type) => [type, all[type]]);
			return { contents: JSON.stringify(Object.fromEntries(kept)), loader: 'json' };
		});
	},
};

/**
 * The API takes the bytes of bodies from express (`express.raw`), which converts no character sets. The
 * tables of them are an eighth of the bundle.
 */
const withoutCharacterSets: Plugin = {
	name: 'without-character-sets',
	setup: ({ onResolve, onLoad }) => {
		onResolve({ filter: /^iconv-lite$/ }, ({ path }) => ({ path, namespace: 'no-character-sets' }));
		onLoad({ filter: /.*/, namespace: 'no-character-sets' }, () => ({ contents: 'module.exports = {};' }));
	},
};

/** Options of all bundles. */
const SHARED = {
	bundle: true,
	platform: 'node',
	format: 'esm',
	target: 'node24',
	legalComments: 'none',
} as const satisfies BuildOptions;

/** The options of each program's bundle. `sources` takes the source files of what plugins bundle. */
const bundlesOf = (sources: Set<string>): Readonly<Record<string, BuildOptions>> => ({
	webhook: {
		banner: { js: REQUIRE },
		plugins: [leanKubernetes(sources), withoutBodyParser, fewContentTypes, bareBuiltins],
		// Modules that it imports on demand are files of their own, in the folder `webhook`: they take memory only
		// where they are needed. White space takes memory too. Names and lines stay, for the stack of a defect.
		splitting: true,
		chunkNames: 'webhook/[name]-[hash]',
		minifyWhitespace: true,
		lineLimit: 160,
	},
	api: {
		banner: { js: REQUIRE },
		plugins: [leanKubernetes(sources), leanNodeVault, withoutCharacterSets, bareBuiltins],
		// An addon that pg uses where it is installed. It never is.
		external: ['pg-native'],
	},
	controller: {
		banner: { js: REQUIRE },
		plugins: [leanKubernetes(sources), leanNodeVault, withoutBodyParser, fewContentTypes, bareBuiltins],
		// White space takes memory. Names and lines stay, for the stack of a defect.
		minifyWhitespace: true,
		lineLimit: 160,
	},
	envtier: {
		banner: { js: REQUIRE },
		plugins: [leanKubernetes(sources), leanNodeVault, bareBuiltins],
		// Node reads the whole file for every call. Names and lines stay, for the stack of a defect.
		minifyWhitespace: true,
		lineLimit: 160,
	},
});

/** The folder of a program's sources, where it differs from the program's name. */
const FOLDERS: Readonly<Record<string, string>> = { envtier: 'cli' };

/** Workers of programs. Each is a file beside the program's. */
const WORKERS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
	api: { 'api-audit-worker': 'api/audit/store/sqlite-worker.ts' },
};

const { positionals: selected, values } = parseArgs({
	options: { out: { type: 'string', default: 'dist' }, arch: { type: 'string' } },
	allowPositionals: true,
});
const { arch } = values;
if (arch !== undefined && !isArch(arch)) throw new Error(`--arch takes x64 or arm64, not ${arch}`);
/** All programs. Bun bundles the fetcher itself, esbuild the others. */
const PROGRAMS = [...Object.keys(bundlesOf(new Set())), 'fetcher'];
for (const name of selected) {
	if (!PROGRAMS.includes(name))
		throw new Error(`there is no program "${name}"; known: ${PROGRAMS.join(', ')}`);
}

for (const program of PROGRAMS) {
	const entryPoint = `${FOLDERS[program] ?? program}/main.ts`;
	if (selected.length > 0 ? !selected.includes(program) : !existsSync(entryPoint)) continue;
	const sources = new Set<string>();
	const options = bundlesOf(sources)[program];
	await mkdir(values.out, { recursive: true });
	if (options === undefined) {
		const files = await compileExecutable(entryPoint, `${values.out}/${program}`, arch);
		await writeBill(program, [...(await packagesIn(files)), await bunPackage()]);
	} else {
		// Files of an earlier build, whose names have other hashes.
		await rm(`${values.out}/${program}`, { recursive: true, force: true });
		const output = { outdir: values.out, outExtension: { '.js': '.mjs' } };
		const bundle = async (options: BuildOptions): Promise<void> => {
			const { metafile } = await build({ ...output, ...SHARED, ...options, metafile: true });
			for (const source of sourcesOf(metafile)) sources.add(source);
		};
		await bundle({ entryPoints: { [program]: entryPoint }, ...options });
		for (const [worker, source] of Object.entries(WORKERS[program] ?? {}))
			await bundle({ entryPoints: { [worker]: source } });
		if (program === 'api') for (const source of await buildUi(`${values.out}/ui`)) sources.add(source);
		// npm links to this file as a command (package.json: bin).
		if (program === 'envtier') chmodSync(`${values.out}/${program}.mjs`, 0o755);
		else await writeBill(program, await packagesIn([...sources]));
	}
}

/** Writes what is in a program, for the images: scanners cannot read a bundle. */
async function writeBill(program: string, packages: readonly Package[]): Promise<void> {
	await writeFile(`${values.out}/${program}.cdx.json`, billOfMaterials(program, packages));
}
