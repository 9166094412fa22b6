import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { onPath } from '../process.ts';
import { scratch } from '../scratch.ts';
import { moduleFrom, writeKubernetesModule } from './go-module.ts';
import { pinned } from './sources.ts';
import { chosenKubernetes, OTHER_KUBERNETES, PINNED_KUBERNETES } from './versions.ts';

const go = onPath('go');

describe('the version of Kubernetes that tests run on', () => {
	test.each([undefined, '', PINNED_KUBERNETES])('ENVTIER_TEST_KUBERNETES=%j is the pinned one', (chosen) => {
		expect(chosenKubernetes({ ENVTIER_TEST_KUBERNETES: chosen })).toBeUndefined();
		expect(pinned('kube-apiserver').version).toContain(`v${PINNED_KUBERNETES}.`);
	});

	test.each(Object.keys(OTHER_KUBERNETES))(
		'ENVTIER_TEST_KUBERNETES=%s is a release of that version',
		(chosen) => {
			expect(chosenKubernetes({ ENVTIER_TEST_KUBERNETES: chosen })?.version).toMatch(
				new RegExp(`^v${chosen}\\.\\d+$`),
			);
		},
	);

	test.each(['1.31', 'v1.36', '1.36.3', 'toString'])('ENVTIER_TEST_KUBERNETES=%s is refused', (chosen) => {
		expect(() => chosenKubernetes({ ENVTIER_TEST_KUBERNETES: chosen })).toThrow(
			`ENVTIER_TEST_KUBERNETES=${chosen} is not one of 1.32, 1.33, 1.34, 1.35, 1.36, 1.37`,
		);
	});

	test("a release's folders of its repository become the modules that are published for it", () => {
		const own = [
			...['module k8s.io/kubernetes', '', 'go 1.26.0', '', 'require k8s.io/api v0.0.0', ''],
			...['replace (', '\tk8s.io/api => ./staging/src/k8s.io/api', ')', ''],
		];
		expect(moduleFrom(own.join('\n'), 'v1.36.3')).toBe(
			[
				...['module envtier.dev/test/kubernetes', '', 'go 1.26.0', '', 'require k8s.io/api v0.0.0', ''],
				...['replace (', '\tk8s.io/api => k8s.io/api v0.36.3', ')'],
				...['', 'require k8s.io/kubernetes v1.36.3', ''],
			].join('\n'),
		);
	});

	test.skipIf(go === undefined)('a module with another checksum than ours is not built from', async () => {
		const place = await scratch('go-module');
		onTestFinished(place.remove);
		const sum = 'h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=';
		// The pinned one, which the other tests need as well.
		const { version } = pinned('kube-apiserver');
		const refused = await writeKubernetesModule(go ?? '', join(place.dir, 'wrong'), { version, sum });
		const found = /has the checksum (h1:\S+), not h1:A{43}=$/.exec(refused.ok ? '' : refused.error)?.[1];
		expect(found).toMatch(/^h1:/);
		const right = { version, sum: String(found) };
		expect(await writeKubernetesModule(go ?? '', join(place.dir, 'right'), right)).toMatchObject({
			ok: true,
		});
		expect(await readFile(join(place.dir, 'right/go.mod'), 'utf8')).toContain(
			`k8s.io/kubernetes ${version}\n`,
		);
	});
});
