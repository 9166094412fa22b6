import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { err, ok, type Result } from '../../../contract/result.ts';
import { runProcess } from '../process.ts';
import type { KubernetesRelease } from './versions.ts';

const MODULE = 'k8s.io/kubernetes';

/**
 * Writes into the new folder `dir` a go.mod and a go.sum for programs of a release of Kubernetes, made from
 * the release's own. Its go.sum has no lines for Kubernetes' own modules: a build with `-mod=mod` adds them
 * from Go's checksum database. Fails when the release does not match its checksum.
 */
export async function writeKubernetesModule(
	go: string,
	dir: string,
	{ version, sum }: KubernetesRelease,
): Promise<Result<undefined>> {
	await mkdir(dir);
	const { code, stdout, stderr } = await runProcess({
		command: go,
		args: ['mod', 'download', '-json', `${MODULE}@${version}`],
		// Outside of any module.
		cwd: dir,
		env: { ...process.env, GOWORK: 'off' },
		timeoutMs: 600_000,
	});
	if (code !== 0)
		return err(`go mod download ${MODULE}@${version} failed: ${stderr.trim() || stdout.trim()}`);
	const { Dir: source, Sum: found } = JSON.parse(stdout) as { readonly Dir: string; readonly Sum: string };
	if (found !== sum) return err(`${MODULE} ${version} has the checksum ${found}, not ${sum}`);
	await writeFile(join(dir, 'go.mod'), moduleFrom(await readFile(join(source, 'go.mod'), 'utf8'), version));
	// Go keeps its modules read-only; this copy is written to.
	await writeFile(join(dir, 'go.sum'), await readFile(join(source, 'go.sum')));
	return ok(undefined);
}

/**
 * A go.mod that requires a release of Kubernetes, made from the release's own. The release replaces
 * Kubernetes' other modules by folders of its repository, which the published module lacks. They are
 * published as v0.x.y for v1.x.y.
 */
export function moduleFrom(goMod: string, version: string): string {
	return goMod
		.replace(/^module .*$/m, 'module envtier.dev/test/kubernetes')
		.replaceAll(/=> \.\/staging\/src\/(\S+)$/gm, `=> $1 ${version.replace(/^v1\./, 'v0.')}`)
		.concat(`\nrequire ${MODULE} ${version}\n`);
}
