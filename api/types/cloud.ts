import { z } from 'zod';
import { err } from '../../contract/result.ts';
import { object } from '../../lib/json.ts';
import { parseJson } from '../../lib/parse/json.ts';
import { given, text, typeRules, word } from './type-rules.ts';

/** The present texts of an object of optional texts. */
function present(fields: Readonly<Record<string, string | undefined>>): Record<string, string> {
	return Object.fromEntries(
		Object.entries(fields).filter((entry): entry is [string, string] => entry[1] !== undefined),
	);
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
/** A tenant may also be named by its domain. */
const DOMAIN = /^[A-Za-z0-9](?:[-.A-Za-z0-9]{0,251}[A-Za-z0-9])?$/;

/** An access key of AWS. Only its shape is checked; nothing is sent to AWS. */
export const aws = typeRules(
	z.strictObject({
		accessKeyId: z.string().regex(/^[A-Z0-9]{16,128}$/, { error: 'must be 16 to 128 of A-Z and 0-9' }),
		secretAccessKey: z.string().regex(/^[A-Za-z0-9/+=]{40}$/, {
			error: 'must be 40 characters of base64',
		}),
		sessionToken: word(16 * 1024).optional(),
		region: z
			.string()
			.regex(/^[a-z]{2,4}(?:-[a-z]{2,16}){1,3}-[0-9]{1,2}$/, { error: 'must be a region such as eu-west-1' })
			.optional(),
	}),
	undefined,
	({ fields }) => given({ parts: present(fields) }),
);

/** A service principal of Azure. Only its shape is checked. */
export const azure = typeRules(
	z.strictObject({
		tenantId: z.string().refine((id) => UUID.test(id) || (DOMAIN.test(id) && id.includes('.')), {
			error: 'must be a UUID or a domain',
		}),
		clientId: z.string().regex(UUID, { error: 'must be a UUID' }),
		clientSecret: word(1024),
	}),
	undefined,
	({ fields }) => given({ parts: fields }),
);

/** Maximum size of the JSON file of a service-account key, in bytes. */
const CREDENTIALS_BYTES = 32 * 1024;
const ServiceAccount = z.looseObject({
	type: z.literal('service_account'),
	project_id: z.string().min(1),
	private_key_id: z.string().min(1),
	private_key: z.string().regex(/^-----BEGIN PRIVATE KEY-----\n/),
	client_email: z.string().regex(/^[^\s@]+@[^\s@]+$/),
});

/**
 * A service-account key of Google Cloud. Only its shape is checked. Other kinds of credentials are refused: a
 * file may tell the SDK to run a program or to read another file (external_account).
 */
export const gcp = typeRules(
	z.strictObject({ credentials: text(CREDENTIALS_BYTES) }),
	undefined,
	({ fields: { credentials } }) => {
		const parsed = parseJson(Buffer.from(credentials));
		if (!parsed.ok || object(parsed.value) === undefined)
			return err('fields.credentials must be a JSON object');
		const account = ServiceAccount.safeParse(parsed.value);
		if (account.success) return given({ parts: { credentials } });
		const wrong = [...new Set(account.error.issues.map(({ path }) => String(path[0])))].join(', ');
		return err(`fields.credentials must be the key of a service account: check ${wrong}`);
	},
);
