/** Runs docs/tutorial.md, "On a cluster", from top to bottom in one shell, after `make cluster`. */
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { tutorialSteps } from '../../docs/support/tutorial.ts';
import { bundleOf } from '../../support/bundles.ts';
import { installApi } from '../../support/kubernetes/node/api.ts';
import { describeWithNode } from '../../support/node-servers.ts';
import { removeSecret } from '../../support/openbao-setup.ts';
import { freePort } from '../../support/ports.ts';
import { runProcess } from '../../support/process.ts';
import { type Scratch, scratch } from '../../support/scratch.ts';

describeWithNode('docs/tutorial.md on a cluster', ({ cluster, vault, kubectl }) => {
	let place: Scratch;
	beforeAll(async () => {
		await installApi({ cluster, kubectl, vault }, 'acme');
		place = await scratch('tutorial');
	});
	afterAll(async () => {
		// The organization is that of other tests, too.
		for (const key of ['DOOR', 'OVEN']) await removeSecret(vault, `orgs/acme/secrets/${key}`);
		await place?.remove();
	});

	test('prints what the page says', { timeout: 420_000 }, async () => {
		const { steps, script, told } = tutorialSteps('On a cluster');
		expect(steps.length).toBeGreaterThan(8);
		const { dir } = place;
		const bin = join(dir, 'bin');
		await mkdir(bin);
		await symlink(kubectl, join(bin, 'kubectl'));
		await symlink(await bundleOf('envtier'), join(bin, 'envtier'));
		await writeFile(join(dir, 'vault-ca.pem'), vault.caPem);
		const ran = await runProcess({
			command: 'bash',
			args: [
				...['--norc', '--noprofile', '-euo', 'pipefail', '-c'],
				script.replaceAll(/\b8443\b/g, String(await freePort())),
			],
			cwd: dir,
			// What `make cluster` has people export.
			env: {
				PATH: `${bin}:${dirname(process.execPath)}:${process.env['PATH']}`,
				HOME: dir,
				KUBECONFIG: cluster.kubeconfig,
				BAO_ADDR: vault.addr,
				BAO_CACERT: join(dir, 'vault-ca.pem'),
				BAO_TOKEN: vault.rootToken,
			},
			timeoutMs: 400_000,
		});
		expect([ran.code, ran.stderr]).toEqual([0, '']);
		expect(told(ran.stdout)).toEqual(steps.map(({ printed }) => printed));
	});
});
