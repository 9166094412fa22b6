/** Signs in at a real provider without a browser: follows its redirects and fills in its forms. */
import { type Answer, call } from '../../support/http.ts';

/** The dashboard's session at one of several replicas, as a browser behind a load balancer has it. */
export interface HttpLogin {
	/** The cookie of the session, such as `__Host-envtier-session=…`. */
	readonly cookie: string;
}

/** Replicas, and the origin that browsers know them by. */
export interface Replicas {
	readonly origin: string;
	/** The addresses of the replica where the login begins, and of the one where it ends. */
	readonly from: string;
	readonly to: string;
	readonly issuer: string;
}

const MOST_STEPS = 20;

/** Signs in as a person. The provider takes any password. */
export async function logInByHttp(
	{ origin, from, to, issuer }: Replicas,
	person: string,
): Promise<HttpLogin> {
	const started = await call({ url: `${from}/ui/session/login`, anyCertificate: true });
	if (started.status !== 303) throw new Error(`the login did not start: ${started.text}`);
	const jar = new Map<string, string>();
	let at = new URL(String(started.headers['location']));
	let form: Readonly<Record<string, string>> | undefined;
	for (let step = 0; step < MOST_STEPS; step++) {
		if (at.origin === origin) {
			const ended = await call({
				url: `${to}${at.pathname}${at.search}`,
				anyCertificate: true,
				headers: { cookie: cookiesOf(started).join('; ') },
			});
			const cookie = cookiesOf(ended).find((one) => /^__Host-envtier-session=./.test(one));
			if (cookie === undefined) throw new Error(`no session: ${ended.status} ${ended.text}`);
			return { cookie };
		}
		const answer = await send(at, jar, form);
		form = undefined;
		const location = answer.headers['location'];
		if (location !== undefined) at = new URL(String(location), issuer);
		else form = formOf(answer.text, person);
	}
	throw new Error('the login does not end');
}

async function send(
	url: URL,
	jar: Map<string, string>,
	form: Readonly<Record<string, string>> | undefined,
): Promise<Answer> {
	const answer = await call({
		url: url.href,
		anyCertificate: true,
		headers: {
			cookie: [...jar].map(([name, value]) => `${name}=${value}`).join('; '),
			...(form === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
		},
		...(form === undefined ? {} : { method: 'POST', body: new URLSearchParams(form).toString() }),
	});
	for (const cookie of cookiesOf(answer)) {
		const [name = '', value = ''] = cookie.split(/=(.*)/s);
		if (value === '') jar.delete(name);
		else jar.set(name, value);
	}
	return answer;
}

/** What the form of a page sends. */
function formOf(page: string, person: string): Readonly<Record<string, string>> {
	const prompt = /name="prompt" value="([a-z]+)"/.exec(page)?.[1];
	if (prompt === undefined) throw new Error(`no form: ${page.slice(0, 500)}`);
	return prompt === 'login' ? { prompt, login: person, password: 'any' } : { prompt };
}

/** The cookies that an answer sets, without their attributes. */
export function cookiesOf({ headers }: Pick<Answer, 'headers'>): readonly string[] {
	return [headers['set-cookie'] ?? []].flat().map((one) => one.split(';')[0] ?? '');
}
