import { describe, expect, test } from 'vitest';
import { firstProcesses, type ProcessFacts } from '../../../fetcher/refresh/processes.ts';

const VOLUME = '0:57';
const OWN = { cgroup: '0::/sidecar', devices: new Set([VOLUME]) };

const facts = (more: Partial<ProcessFacts>): ProcessFacts => ({
	...{ id: 20, parent: 0, started: 100, cgroup: '0::/web', devices: new Set(['0:40', VOLUME]) },
	...more,
});

describe('the processes that get a signal', () => {
	test.for<[string, readonly ProcessFacts[], readonly number[]]>([
		['the first process of a container that mounts the files', [facts({})], [20]],
		['one of each container', [facts({}), facts({ id: 30, cgroup: '0::/worker' })], [20, 30]],
		['not a child of it', [facts({}), facts({ id: 21, parent: 20, started: 101 })], [20]],
		['not a process of kubectl exec, which started later', [facts({ id: 9, started: 900 }), facts({})], [20]],
		['not the pause container’s, which is process 1', [facts({ id: 1, cgroup: '0::/pause' })], []],
		['not the sidecar’s own', [facts({ id: 7, cgroup: OWN.cgroup })], []],
		['not a container without the files', [facts({ devices: new Set(['0:40']) })], []],
		['none where there is none', [], []],
	])('%s', ([, processes, ids]) => expect(firstProcesses(processes, OWN)).toEqual(ids));
});
