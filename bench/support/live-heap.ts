import { once } from 'node:events';

/**
 * Makes a Node process collect all garbage, through its inspector at this address. Returns the used MiB of
 * its heap.
 */
export async function liveHeap(inspector: string): Promise<number> {
	const socket = new WebSocket(inspector);
	try {
		await once(socket, 'open');
		await ask(socket, 'HeapProfiler.collectGarbage');
		const { usedSize } = (await ask(socket, 'Runtime.getHeapUsage')) as { usedSize: number };
		return usedSize / 2 ** 20;
	} finally {
		socket.close();
	}
}

async function ask(socket: WebSocket, method: string): Promise<unknown> {
	const answer = once(socket, 'message', { signal: AbortSignal.timeout(30_000) });
	socket.send(JSON.stringify({ id: 1, method }));
	const [{ data }] = (await answer) as [{ readonly data: string }];
	const { result, error } = JSON.parse(data) as { result?: unknown; error?: unknown };
	if (error !== undefined) throw new Error(`the inspector refuses ${method}: ${JSON.stringify(error)}`);
	return result;
}
