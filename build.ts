/**
 * Bundles each program into one self-contained file, the very one that its image holds:
 * `node build.ts [--out=DIRECTORY] [program…]`, into dist/ unless given.
 */
import { chmodSync, existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { type BuildOptions, build, type Plugin } from 'esbuild';

/** CommonJS packages in an ES module bundle look for `require` to reach Node's built-ins. */
const REQUIRE =
	"import { createRequire as __createRequire } from 'node:module';\nconst require = __createRequire(import.meta.url);";

/**
 * Reaches built-ins through process.getBuiltinModule. An `import` of one reads every export there is, getters included: that of
 * node:http then loads the whole of undici (80 ms), that of node:fs its promises, that of node:tls the root certificates.
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
 * Turns the imports of built-ins in the fetcher's own sources into plain destructuring: without it each one is copied, getter by getter,
 * into an object of the bundler's.
 */
const plainBuiltins: Plugin = {
	name: 'plain-builtins',
	setup: ({ onLoad }) => {
		onLoad({ filter: /\/fetcher\/.*\.ts$/ }, async ({ path }) => {
			const source = await readFile(path, 'utf8');
			const contents = source.replace(
				/^import (\w+|\{[^}]*\}) from '(node:[\w/]+)';$/gm,
				(_statement, names: string, builtin: string) =>
					`const ${destructured(names)} = globalThis.process.getBuiltinModule('${builtin}');`,
			);
			return { contents, loader: 'ts' };
		});
	},
};

/** `{ a, type B, c as d }` of an import as `{ a, c: d }` of a declaration. */
function destructured(names: string): string {
	const [, list] = /^\{([^}]*)\}$/.exec(names) ?? [];
	if (list === undefined) return names;
	const values = list.split(',').filter((name) => !/^\s*(?:type\s|$)/.test(name));
	return `{${values.map((name) => name.replace(' as ', ': ')).join(',')}}`;
}

/**
 * What node-vault asks for and the fetcher does not use, since it gives node-vault functions of its own in their place
 * (fetcher/vault.ts): axios and node:https send its requests, debug writes its log, tv4 and mustache serve its table of
 * commands. That one is left out as well.
 */
const UNUSED: Readonly<Record<string, string>> = {
	axios: 'module.exports = {};',
	debug: 'module.exports = () => () => undefined;',
	https: 'module.exports = {};',
	mustache: 'module.exports = {};',
	tv4: 'module.exports = {};',
	'./commands.js': 'module.exports = {};',
};

const leanNodeVault: Plugin = {
	name: 'lean-node-vault',
	setup: ({ onResolve, onLoad }) => {
		onResolve({ filter: /.*/ }, ({ path, importer }) => {
			if (!/node_modules\/node-vault\/src$/.test(dirname(importer))) return undefined;
			if (path in UNUSED) return { path, namespace: 'unused' };
			return path === 'events' ? { path: 'node:events', namespace: 'builtin' } : undefined;
		});
		onLoad({ filter: /.*/, namespace: 'unused' }, ({ path }) => ({ contents: UNUSED[path] ?? '' }));
	},
};

/**
 * What KubeConfig asks for to make clients of the package's own, which none of our programs does: undici's agents, and a thousand classes of API
 * objects.
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
 * Webhook, API and command use KubeConfig of @kubernetes/client-node and send requests themselves. What is loaded late is bundled whole, unused parts
 * too; so that class is bundled first, on its own.
 */
const leanKubernetes: Plugin = {
	name: 'lean-kubernetes',
	setup: ({ onLoad }) => {
		onLoad({ filter: /node_modules\/@kubernetes\/client-node\/dist\/index\.js$/ }, async ({ path }) => {
			const resolveDir = dirname(path);
			const made = await build({
				...SHARED,
				stdin: { contents: "export { KubeConfig } from './config.js';", resolveDir },
				plugins: [kubeConfigAlone],
				write: false,
			});
			return { contents: made.outputFiles[0]?.text ?? '', resolveDir };
		});
	},
};

/** What all bundles have in common. */
const SHARED = {
	bundle: true,
	platform: 'node',
	format: 'esm',
	target: 'node24',
	legalComments: 'none',
} as const satisfies BuildOptions;

const PROGRAMS: Readonly<Record<string, BuildOptions>> = {
	webhook: { banner: { js: REQUIRE }, plugins: [leanKubernetes, bareBuiltins] },
	// Half as many bytes to read and to compile on every start; the map, which no image holds, makes sense of a stack.
	fetcher: {
		plugins: [leanNodeVault, plainBuiltins, bareBuiltins],
		...{ minify: true, lineLimit: 200, sourcemap: 'external', sourcesContent: false },
	},
	api: { banner: { js: REQUIRE }, plugins: [leanKubernetes, bareBuiltins] },
	envtier: { banner: { js: REQUIRE }, plugins: [leanKubernetes, bareBuiltins] },
};

/** Where a program's sources are, unless the folder bears its name. */
const FOLDERS: Readonly<Record<string, string>> = { envtier: 'cli' };

const { positionals: wanted, values } = parseArgs({
	options: { out: { type: 'string', default: 'dist' } },
	allowPositionals: true,
});
for (const name of wanted) {
	if (!(name in PROGRAMS))
		throw new Error(`there is no program "${name}"; known: ${Object.keys(PROGRAMS).join(', ')}`);
}

for (const [program, options] of Object.entries(PROGRAMS)) {
	const entryPoint = `${FOLDERS[program] ?? program}/main.ts`;
	if (wanted.length > 0 ? !wanted.includes(program) : !existsSync(entryPoint)) continue;
	const outfile = `${values.out}/${program}.mjs`;
	await build({
		entryPoints: [entryPoint],
		outfile,
		...SHARED,
		...options,
	});
	// Started by name where it is installed (package.json: bin).
	if (program === 'envtier') chmodSync(outfile, 0o755);
}
