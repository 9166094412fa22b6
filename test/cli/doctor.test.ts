import { describe, expect, test } from 'vitest';
import { envtier } from './support/command.ts';

describe('envtier doctor', () => {
	test.each([
		['a kubeconfig that is not there', ['--kubeconfig', 'nowhere'], 'the kubeconfig cannot be used'],
		['an address that is none', ['--vault-via', 'vault'], 'It must be HOST:PORT.'],
		['a port that is none', ['--vault-via', 'vault:99999'], 'It must be HOST:PORT.'],
		['a scope that is none', ['--sealed', 'deployment,pod'], 'It must be of deployment, namespace, cluster'],
		['an unknown option', ['--fix'], '--fix'],
	])('%s is a wrong usage', async (_sentence, args, sentence) => {
		const { code, stdout, stderr } = await envtier(['doctor', ...args]);
		expect(stderr).toContain(sentence);
		expect([code, stdout]).toEqual([2, '']);
	});
});
