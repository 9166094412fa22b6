import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { admit } from '../../webhook/admission/admit.ts';
import { anyValue } from '../fetcher/support/values.ts';
import { buildKubeletHelper } from '../support/kubernetes/go-helper.ts';
import { runProcess } from '../support/process.ts';
import { type Scratch, scratch } from '../support/scratch.ts';
import { ASKS, podOf } from './support/pods.ts';
import { applied, request } from './support/request.ts';
import { settings } from './support/settings.ts';

let place: Scratch;
let expander: string;

beforeAll(async () => {
	place = await scratch('expand');
	expander = await buildKubeletHelper('expand', place.dir);
}, 600_000);
afterAll(() => place.remove());

/** The variable as it stands in the pod for a template. */
function handedOver(template: string): string {
	const pod = podOf({ ...ASKS, 'compose.OUT': template });
	const after = applied(pod, admit(request(pod), settings().injection));
	const env = after.spec?.initContainers?.[0]?.env ?? [];
	return env.find(({ name }) => name === 'ENVTIER_COMPOSE_OUT')?.value ?? '';
}

test('the kubelet hands every template to the fetcher as it was written', async () => {
	const texts = fc.sample(anyValue, 200).map((text) => text.replaceAll('$', () => '$$'));
	const templates = [
		...texts.map((text) => `${text}\${A:url}${text}`),
		...['$$(A)${A}', '$$$$(A)${A}$$', '${A}$$$${B}', '$$${A}', '${A}(A)', '${A}$$(', '$$)${A}'],
	];
	const values = templates.map(handedOver);
	const { stdout, code, stderr } = await runProcess({
		command: expander,
		input: `${values.map((value) => JSON.stringify(value)).join('\n')}\n`,
	});
	expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
	expect(
		stdout
			.split('\n')
			.filter((line) => line !== '')
			.map((line) => JSON.parse(line)),
	).toEqual(templates);
});
