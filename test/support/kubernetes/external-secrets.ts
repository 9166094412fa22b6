import { copyFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { err, ok, type Result } from '../../../contract/result.ts';
import { cached } from '../cache.ts';
import { onPath, runProcess } from '../process.ts';
import type { ManifestObject } from './apply-manifests.ts';

const MODULE = 'github.com/external-secrets/external-secrets';
const VERSION = 'v1.3.2';
/** The checksum in Go's database (sum.golang.org). */
const SUM = 'h1:u2J8RjlHIeF0oZCqtl92adI/uZWUwOesJIDkfql6LqQ=';
const FILES = ['externalsecrets', 'secretstores'].map((name) => `external-secrets.io_${name}.yaml`);

/**
 * The definitions of ExternalSecret and SecretStore, from the published Go module of the External Secrets
 * Operator (Apache-2.0). The error says what this machine lacks.
 */
export async function externalSecretDefinitions(): Promise<Result<readonly ManifestObject[]>> {
	const go = onPath('go');
	if (go === undefined) return err('Go is not installed; it fetches the External Secrets Operator');
	const folder = await cached({
		name: 'external-secrets',
		version: VERSION,
		install: async (dir) => {
			const { code, stdout, stderr } = await runProcess({
				command: go,
				args: ['mod', 'download', '-json', `${MODULE}@${VERSION}`],
				// Outside of any module.
				cwd: dir,
				env: { ...process.env, GOWORK: 'off' },
				timeoutMs: 600_000,
			});
			if (code !== 0) throw new Error(`go mod download ${MODULE} failed: ${stderr.trim() || stdout.trim()}`);
			const { Dir: source, Sum: found } = JSON.parse(stdout) as {
				readonly Dir: string;
				readonly Sum: string;
			};
			if (found !== SUM) throw new Error(`${MODULE} ${VERSION} has the checksum ${found}, not ${SUM}`);
			for (const file of FILES) await copyFile(join(source, 'config/crds/bases', file), join(dir, file));
		},
	});
	const read = async (file: string): Promise<ManifestObject> =>
		parse(await readFile(join(folder, file), 'utf8')) as ManifestObject;
	return ok(await Promise.all(FILES.map(read)));
}
