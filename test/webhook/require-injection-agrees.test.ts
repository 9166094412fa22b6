import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { V1ValidatingAdmissionPolicy } from '@kubernetes/client-node';
import { expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { CONTROL_VARIABLES } from '../../webhook/patch/fetcher-fields.ts';

const DEPLOY = join(import.meta.dirname, '../../deploy');
const text = readFileSync(join(DEPLOY, 'manifests/base/require-injection.yaml'), 'utf8');

test('the policy refuses the variables that the webhook takes out of a fetcher', () => {
	const policy = parseAllDocuments(text)[0]?.toJS() as V1ValidatingAdmissionPolicy;
	const { expression = '' } = policy.spec?.variables?.find(({ name }) => name === 'deciding') ?? {};
	expect(JSON.parse(expression.replaceAll("'", '"'))).toEqual(CONTROL_VARIABLES);
});

test('the chart has the same policy as the manifests', () => {
	expect(readFileSync(join(DEPLOY, 'chart/files/require-injection.yaml'), 'utf8')).toBe(text);
});
