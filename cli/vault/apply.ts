import { err, ok, type Result } from '../../contract/result.ts';
import type { Ending } from '../exit-codes.ts';
import { type HttpAnswer, httpCall, saidBy } from '../http.ts';
import type { SetupPlan } from './plan.ts';
import type { AdminSettings } from './settings.ts';

/** Why Vault was not changed as planned. */
export interface ApplyFailure {
	readonly ending: Ending;
	readonly message: string;
}

type Ask = (method: string, path: string, body?: unknown) => Promise<Result<HttpAnswer, ApplyFailure>>;

/** Puts the plan into Vault; says each thing as it is done. What is there already as planned is left alone. */
export async function apply(
	plan: SetupPlan,
	settings: AdminSettings,
	say: (line: string) => void,
): Promise<Result<void, ApplyFailure>> {
	const ask = vault(settings);
	for (const { name, text } of plan.policies) {
		const done = await put(ask, `sys/policies/acl/${name}`, { policy: text }, sameText);
		if (!done.ok) return done;
		say(`policy ${name}: ${done.value}`);
	}
	const done = await put(ask, plan.rolePath, JSON.parse(plan.role), sameFields);
	if (done.ok) say(`role ${plan.rolePath}: ${done.value}`);
	return done.ok ? ok(undefined) : done;
}

/**
 * Asks Vault for the accessor of an auth method, by which policies tell whose login they are about.
 *
 * @param mount path of the method, without `auth/`
 */
export async function accessorOf(
	mount: string,
	settings: AdminSettings,
): Promise<Result<string, ApplyFailure>> {
	const answer = await vault(settings)('GET', `sys/auth/${mount}`);
	if (!answer.ok) return answer;
	const { status, body } = answer.value;
	const accessor = (body as { data?: { accessor?: unknown } } | undefined)?.data?.accessor;
	if (status === 200 && typeof accessor === 'string') return ok(accessor);
	const { ending, message } = refused(answer.value, `asking for the accessor of the auth method "${mount}"`);
	return err({
		ending,
		message: status === 400 ? `${message}: there is no auth method at that mount` : message,
	});
}

/** Names the fields in which what is there differs from what is wanted. */
type Compare = (
	there: Readonly<Record<string, unknown>>,
	wanted: Readonly<Record<string, unknown>>,
) => readonly string[];

const sameText: Compare = ({ policy }, wanted) => (policy === wanted['policy'] ? [] : ['its text']);

const sameFields: Compare = (there, wanted) =>
	Object.keys(wanted).filter(
		(name) => JSON.stringify(plain(there[name])) !== JSON.stringify(plain(wanted[name])),
	);

/** Vault gives durations back in seconds, and lists in an order of its own. */
function plain(value: unknown): unknown {
	if (Array.isArray(value)) return [...value].sort();
	const [, number, unit] = /^(\d+)([mh])$/.exec(typeof value === 'string' ? value : '') ?? [];
	return number === undefined ? value : Number(number) * (unit === 'h' ? 3600 : 60);
}

async function put(
	ask: Ask,
	path: string,
	wanted: Readonly<Record<string, unknown>>,
	compare: Compare,
): Promise<Result<string, ApplyFailure>> {
	const there = await ask('GET', path);
	if (!there.ok) return there;
	const { status, body } = there.value;
	if (status !== 200 && status !== 404) return err(refused(there.value, `reading ${path}`));
	const data = (body as { data?: Readonly<Record<string, unknown>> } | undefined)?.data;
	const differing = status === 404 || data === undefined ? undefined : compare(data, wanted);
	if (differing?.length === 0) return ok('there already');
	const written = await ask('POST', path, wanted);
	if (!written.ok) return written;
	if (written.value.status >= 300) return err(refused(written.value, `writing ${path}`));
	return ok(differing === undefined ? 'created' : `changed: ${differing.join(', ')}`);
}

function refused({ status, body }: HttpAnswer, what: string): ApplyFailure {
	const errors = (body as { errors?: unknown } | undefined)?.errors;
	const said = Array.isArray(errors)
		? errors
				.filter((one) => typeof one === 'string')
				.join('; ')
				.trim()
		: '';
	const mount = /no handler for route|unsupported path/.test(said)
		? ': there is no auth method at that mount'
		: '';
	return {
		ending: status === 403 ? 'denied' : status >= 500 ? 'unavailable' : 'failed',
		message: `${what}: Vault answers ${status}${said === '' ? '' : ` ${saidBy(said)}`}${mount}`,
	};
}

function vault({ address, token, ca, namespace }: AdminSettings): Ask {
	const headers = {
		'x-vault-token': token,
		'x-vault-request': 'true',
		...(namespace === undefined ? {} : { 'x-vault-namespace': namespace }),
	};
	return async (method, path, body) => {
		const options = ca === undefined ? {} : { ca };
		const answer = await httpCall({ method, url: new URL(`/v1/${path}`, address), headers, body, options });
		if (answer.ok) return answer;
		return err({ ending: 'unavailable', message: `${address} ${answer.error.message}` });
	};
}
