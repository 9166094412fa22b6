import type { V1Pod } from '@kubernetes/client-node';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { SERVED_NAMES, WEBHOOK_NAMES } from '../../policy/annotations.ts';
import { leftToWebhook } from '../../policy/plain-pod.ts';
import { POLICY_SETTINGS } from '../../policy/settings.ts';
import { CHECKS } from '../../policy/settings-checks.ts';
import { admit } from '../../webhook/admission/admit.ts';
import { request } from '../webhook/support/request.ts';
import { settings } from '../webhook/support/settings.ts';
import { blocksOf, pageOf } from './support/pages.ts';

const page = pageOf('docs/webhookless.md').text;
/** The table's rows on annotations, as names and what the policy takes. */
const rows = page.split('\n').filter((line) => /^\| `[a-z-]+`/.test(line));
const namesIn = (line: string): readonly string[] =>
	[...(line.split('|')[1] ?? '').matchAll(/`([a-z-]+)`/g)].map(([, name = '']) => name);

describe('docs/webhookless.md', () => {
	test('names every annotation that the policy serves, and every one that only the webhook does', () => {
		const served = rows.filter((line) => !line.includes('for the webhook')).flatMap(namesIn);
		const others = rows.filter((line) => line.includes('for the webhook')).flatMap(namesIn);
		expect(served.toSorted()).toEqual([...SERVED_NAMES].toSorted());
		expect(others.toSorted()).toEqual([...WEBHOOK_NAMES].toSorted());
	});

	test('names every setting that the policy reads', () => {
		const [, section = ''] = page.split('## Settings');
		for (const name of POLICY_SETTINGS) expect(section).toContain(`\`${name}\``);
	});

	test('shows a pod that is plain', () => {
		const pods = blocksOf(page)
			.filter(({ text }) => text.startsWith('apiVersion: v1\nkind: Pod'))
			.map(({ text }) => parse(text) as V1Pod);
		expect(pods).toHaveLength(1);
		for (const pod of pods) {
			const decision = admit(request(pod), settings().injection);
			if (decision.kind !== 'inject') throw new Error(decision.kind);
			expect(leftToWebhook(pod, decision.plan)).toBeUndefined();
		}
	});

	test('names reasons that there are', () => {
		const reasons = CHECKS.map(({ topic }) => topic);
		for (const reason of ['bad-org-label', 'org-not-allowed']) {
			expect(page).toContain(`\`${reason}\``);
			expect(reasons).toContain(reason);
		}
	});
});
