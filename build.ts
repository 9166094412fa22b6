/** Bundles each program into one self-contained file, the very one that its image holds. */
import { existsSync } from 'node:fs';
import { build } from 'esbuild';

/** CommonJS packages in an ES module bundle look for `require` to reach Node's built-ins. */
const banner =
	"import { createRequire as __createRequire } from 'node:module';\nconst require = __createRequire(import.meta.url);";

for (const program of ['webhook', 'fetcher']) {
	if (!existsSync(`${program}/main.ts`)) continue;
	await build({
		entryPoints: [`${program}/main.ts`],
		outfile: `dist/${program}.mjs`,
		bundle: true,
		platform: 'node',
		format: 'esm',
		target: 'node24',
		legalComments: 'none',
		banner: { js: banner },
	});
}
