import process from 'node:process';

/**
 * Ends the process now. `process.exit` waits for the threads that resolve names, and one that asks a DNS server that does not
 * answer may take a minute: then the process becomes, by execve(2), another one that has no threads and ends with the same code.
 */
export function endProcess(code: number): never {
	const { execve } = process;
	if (execve !== undefined && process.getActiveResourcesInfo().includes('GetAddrInfoReqWrap'))
		execve(process.execPath, [process.execPath, '-e', `process.exit(${code})`], {});
	process.exit(code);
}
