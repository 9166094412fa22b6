import { createServer, request as forward } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type ApiUnderTest, type Caller, caller } from '../../api/support/api.ts';
import { STORES } from '../../api/support/both.ts';
import type { OpenBao } from '../../support/openbao.ts';
import type { Finished } from '../../support/process.ts';
import { envtier, type RunOptions } from './command.ts';

/** What happens to one call on its way to the API. */
export type Fault = 'pass' | 'error' | 'lost-answer' | 'busy';

/** The API with someone who may use it, and the command set up for them. */
export interface Desk extends AsyncDisposable {
	readonly api: ApiUnderTest;
	/** What lies behind it, unless that is memory. */
	readonly bao: OpenBao | undefined;
	readonly alice: Caller;
	readonly bob: Caller;
	/** A platform administrator of alice's organization. */
	readonly operator: Caller;
	/** What alice has in her environment. */
	access(): Readonly<Record<string, string>>;
	/** Runs the command as alice, unless told otherwise. */
	run(args: readonly string[], options?: RunOptions & { readonly as?: Caller }): Promise<Finished>;
	/** Chooses the fault of each call from now on, by its method and its number among those of that method. */
	setFault(fault: (method: string, number: number) => Fault): void;
}

/** Starts the API on one of its stores, with a way in between that a test can disturb. */
export async function openDesk(store: keyof typeof STORES = 'memory'): Promise<Desk> {
	const alice = caller('user:alice');
	const bob = caller('user:bob', { roles: [] });
	const operator = caller('user:olga', { roles: ['platform_admin'] });
	const start = STORES[store];
	if (start === undefined) throw new Error(`no store is called ${store}`);
	const running = await start({ callers: [alice, bob, operator] });
	const { api } = running;
	let faultOf: (method: string, number: number) => Fault = () => 'pass';
	let counts = new Map<string, number>();
	const server = createServer((request, response) => {
		const { method = 'GET', url = '', headers, socket } = request;
		const number = (counts.get(method) ?? 0) + 1;
		counts.set(method, number);
		const fault = faultOf(method, number);
		if (fault === 'error' || fault === 'busy') {
			request.resume();
			const status = fault === 'error' ? 500 : 429;
			response.writeHead(status, { 'content-type': 'application/json', 'retry-after': '1' });
			response.end(JSON.stringify({ error: `made by the test: ${status}` }));
			return;
		}
		const onward = forward(`${api.url}${url}`, { method, headers }, (answer) => {
			if (fault === 'lost-answer') {
				answer.resume();
				answer.on('end', () => socket.destroy());
				return;
			}
			response.writeHead(answer.statusCode ?? 502, answer.headers);
			answer.pipe(response);
		});
		onward.on('error', () => socket.destroy());
		request.pipe(onward);
	});
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
	const accessOf = ({ key }: Caller) => ({
		ENVTIER_API_URL: address,
		ENVTIER_API_TOKEN: key,
		ENVTIER_API_ORG: 'acme',
	});
	return {
		api,
		bao: running.bao,
		alice,
		bob,
		operator,
		access: () => accessOf(alice),
		run: (args, { as = alice, env = {}, ...options } = {}) =>
			envtier(args, { ...options, env: { ...accessOf(as), ...env } }),
		setFault: (fault) => {
			faultOf = fault;
			counts = new Map();
		},
		[Symbol.asyncDispose]: async () => {
			await new Promise<void>((resolve) => {
				server.close(() => resolve());
				server.closeAllConnections();
			});
			await running[Symbol.asyncDispose]();
		},
	};
}
