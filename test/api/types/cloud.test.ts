import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from 'vitest';
import type { SecretTypeName } from '../../../contract/secret-types.ts';
import { make } from './support.ts';

const aws = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'k'.repeat(40) };
const azure = {
	tenantId: '00000000-0000-4000-8000-000000000001',
	clientId: '00000000-0000-4000-8000-000000000002',
	clientSecret: 'test~only.1',
};
const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const account = {
	type: 'service_account',
	project_id: 'shop',
	private_key_id: '1',
	private_key: key.export({ type: 'pkcs8', format: 'pem' }),
	client_email: 'shop@shop.iam.gserviceaccount.com',
};
const gcp = (change: object) => ({ credentials: JSON.stringify({ ...account, ...change }) });

test.each<[string, SecretTypeName, object]>([
	['an access key of AWS', 'aws', aws],
	['temporary credentials of AWS', 'aws', { ...aws, sessionToken: 't'.repeat(16 * 1024) }],
	['a region', 'aws', { ...aws, region: 'us-gov-west-1' }],
	['the shortest id', 'aws', { ...aws, accessKeyId: 'A'.repeat(16) }],
	['the longest id', 'aws', { ...aws, accessKeyId: 'A'.repeat(128) }],
	['a principal of Azure', 'azure', azure],
	['a tenant by its domain', 'azure', { ...azure, tenantId: 'shop.onmicrosoft.com' }],
	['the longest client secret', 'azure', { ...azure, clientSecret: 'x'.repeat(1024) }],
])('%s is taken, as it is', async (_name, type, fields) => {
	expect(await make(type, { fields })).toEqual({ parts: fields });
});

test('a service-account key of Google Cloud is taken as it is, with fields that nobody knows', async () => {
	const fields = gcp({ universe_domain: 'googleapis.com' });
	expect(await make('gcp', { fields })).toEqual({ parts: fields });
});

test.each<[string, SecretTypeName, object, RegExp]>([
	['an id of 15 characters', 'aws', { ...aws, accessKeyId: 'A'.repeat(15) }, /fields\.accessKeyId/],
	['an id of 129 characters', 'aws', { ...aws, accessKeyId: 'A'.repeat(129) }, /fields\.accessKeyId/],
	['a key of 39 characters', 'aws', { ...aws, secretAccessKey: 'k'.repeat(39) }, /fields\.secretAccessKey/],
	['a key of 41 characters', 'aws', { ...aws, secretAccessKey: 'k'.repeat(41) }, /fields\.secretAccessKey/],
	['a session token too long', 'aws', { ...aws, sessionToken: 't'.repeat(16 * 1024 + 1) }, /sessionToken/],
	['no key', 'aws', { accessKeyId: aws.accessKeyId }, /fields\.secretAccessKey is required/],
	['a region that is none', 'aws', { ...aws, region: 'Europe' }, /such as eu-west-1/],
	['a client id that is no UUID', 'azure', { ...azure, clientId: 'shop' }, /fields\.clientId must be a UUID/],
	['a client secret with a blank', 'azure', { ...azure, clientSecret: 'a b' }, /fields\.clientSecret/],
	['1025 characters of secret', 'azure', { ...azure, clientSecret: 'x'.repeat(1025) }, /clientSecret/],
	['a tenant with a path', 'azure', { ...azure, tenantId: '../x' }, /fields\.tenantId/],
	['text that is no JSON', 'gcp', { credentials: '{' }, /must be a JSON object/],
	['a list', 'gcp', { credentials: '[]' }, /must be a JSON object/],
	[
		'credentials that make the SDK run a program',
		'gcp',
		gcp({ type: 'external_account', credential_source: { executable: { command: 'sh' } } }),
		/must be the key of a service account: check type/,
	],
	['credentials of a person', 'gcp', gcp({ type: 'authorized_user' }), /check type/],
	['a key without its private key', 'gcp', gcp({ private_key: 'x' }), /check private_key/],
	['more than 32 KiB', 'gcp', gcp({ x: 'x'.repeat(32 * 1024) }), /at most 32768 bytes/],
])('%s is refused', async (_name, type, fields, message) => {
	const refusal = await make(type, { fields });
	expect(refusal).toMatch(message);
	expect(refusal).not.toContain('kkk');
});

test.each(['aws', 'gcp', 'azure', 'kubeconfig'] as const)('%s cannot be generated', async (type) => {
	expect(await make(type, { generate: true })).toMatch(/generate is not possible/);
});
