import { expect, test } from 'vitest';
import { must } from '../support/openbao-setup.ts';
import { describeOnBoth, loginAs } from './support/backends.ts';
import { enveloped, FORBIDDEN } from './support/shapes.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');

describeOnBoth('transit', (vault) => {
	const send = (path: string, body: object, token?: string) =>
		vault().request('POST', `transit/${path}`, { body, ...(token === undefined ? {} : { token }) });
	const seal = async (key: string, text: string, context: string): Promise<string> => {
		const body = { plaintext: base64(text), context: base64(context) };
		const answer = await must(vault(), 'POST', `transit/encrypt/${key}`, { body });
		return (answer as { data: { ciphertext: string } }).data.ciphertext;
	};

	test('a key is made when something is encrypted with it, and gives it back in the same context', async () => {
		const { status, json } = await send('encrypt/new_key-1.x', {
			plaintext: base64('text'),
			context: base64('c'),
		});
		expect(status).toBe(200);
		expect(json).toEqual(
			enveloped({ data: { ciphertext: expect.stringMatching(/^vault:v1:[\w+/]+=*$/), key_version: 1 } }),
		);
		const { ciphertext } = (json as { data: { ciphertext: string } }).data;
		expect(await send('decrypt/new_key-1.x', { ciphertext, context: base64('c') })).toMatchObject({
			status: 200,
			json: enveloped({ data: { plaintext: base64('text') } }),
		});
	});

	test('a batch is opened as far as it goes, and says what is wrong with the rest', async () => {
		const good = { ciphertext: await seal('batch', 'one', 'here'), context: base64('here') };
		const other = { ciphertext: await seal('batch', 'two', 'there'), context: base64('there') };
		expect(await send('decrypt/batch', { batch_input: [good, other] })).toMatchObject({
			status: 200,
			json: enveloped({
				data: {
					batch_results: [
						{ plaintext: base64('one'), reference: '' },
						{ plaintext: base64('two'), reference: '' },
					],
				},
			}),
		});
		const wrong = [
			{ ...good, context: base64('there') },
			{ ...good, ciphertext: 'vault:v1:AAAA' },
			{ ...good, ciphertext: 'nonsense' },
			{ ...good, ciphertext: good.ciphertext.replace('vault:v1:', 'vault:v9:') },
		];
		const { status, json } = await send('decrypt/batch', { batch_input: [good, ...wrong] });
		expect(status).toBe(400);
		expect(json).toEqual(
			enveloped({
				data: {
					batch_results: [
						{ plaintext: base64('one'), reference: '' },
						...[
							'cipher: message authentication failed',
							'invalid ciphertext length',
							'invalid ciphertext: no prefix',
							'invalid ciphertext: version is too new',
						].map((error) => ({ plaintext: '', error, reference: '' })),
					],
				},
			}),
		);
		const bare = { ciphertext: good.ciphertext };
		expect(await send('decrypt/batch', { batch_input: [good, bare] })).toMatchObject({
			status: 400,
			json: { errors: ['context should be set either in all the request blocks or in none'] },
		});
		expect((await send('decrypt/batch', { batch_input: [bare] })).json).toMatchObject({
			data: { batch_results: [{ error: expect.stringMatching(/^missing 'context' for key derivation/) }] },
		});
		expect(await send('decrypt/batch', wrong[0] ?? {})).toMatchObject({
			status: 400,
			json: { errors: ['cipher: message authentication failed'] },
		});
	});

	test('a key that there is not opens nothing', async () => {
		const body = { batch_input: [{ ciphertext: 'vault:v1:AAAA', context: base64('x') }] };
		expect(await send('decrypt/nowhere', body)).toMatchObject({
			status: 400,
			json: { errors: ['encryption key not found'] },
		});
	});

	test('policies are about the name of the key', async () => {
		const token = await loginAs(vault(), 'web', ['shop', 'web']);
		const sealed = { ciphertext: await seal('mine', 'x', 'c'), context: base64('c') };
		await seal('theirs', 'x', 'c');
		expect((await send('decrypt/mine', sealed, token)).status).toBe(200);
		expect(await send('decrypt/theirs', sealed, token)).toMatchObject(FORBIDDEN);
		expect(await send('encrypt/mine', { plaintext: base64('x'), context: base64('c') }, token)).toMatchObject(
			FORBIDDEN,
		);
		// To make a key is to create, to use one is to update.
		const text = { plaintext: base64('x'), context: base64('c') };
		expect(await send('encrypt/no-new-keys', text, token)).toMatchObject(FORBIDDEN);
		await seal('no-new-keys', 'x', 'c');
		expect((await send('encrypt/no-new-keys', text, token)).status).toBe(200);
	});
});
