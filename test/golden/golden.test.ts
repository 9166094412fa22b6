import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { ORG_LABEL } from '../../contract/names.ts';
import { ok } from '../../contract/result.ts';
import { admit } from '../../webhook/admission/admit.ts';
import { encodeReview } from '../../webhook/admission/review.ts';
import { applied, request } from '../webhook/support/request.ts';
import { settings } from '../webhook/support/settings.ts';
import { type GoldenCase, goldenCases } from './cases.ts';

const UPDATE = process.env['UPDATE'] === '1';

/** All that comes of a case, as text that people review. */
function outcome({ pod, request: overrides, settings: env, namespace }: GoldenCase): string {
	const orgLabel = ok(namespace.metadata?.labels?.[ORG_LABEL]);
	const decision = admit(request(pod, overrides), { ...settings(env).injection, orgLabel });
	if (decision.kind !== 'inject') return stringify(decision, { lineWidth: 0 });
	const { auditAnnotations } = JSON.parse(encodeReview('any', decision)).response;
	const { kind, warnings } = decision;
	return stringify(
		{ kind, warnings, auditAnnotations, pod: applied(pod, decision) },
		{ lineWidth: 0, aliasDuplicateObjects: false },
	);
}

describe('golden pods', () => {
	const cases = goldenCases();

	test('are many', () => expect(cases.length).toBeGreaterThan(55));

	test.for(cases.map((golden) => [golden.sentence, golden] as const))('%s', ([, golden]) => {
		const file = join(golden.folder, 'expected.yaml');
		const actual = outcome(golden);
		if (UPDATE) writeFileSync(file, actual);
		expect(existsSync(file), 'no expected.yaml: look at what UPDATE=1 writes, then keep it').toBe(true);
		expect(actual).toBe(readFileSync(file, 'utf8'));
	});
});
