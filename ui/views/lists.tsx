import { useApp } from '../lib/context.ts';
import { type Pages, useBoth, usePages } from '../lib/pages.ts';
import { replaceQuery } from '../lib/router.ts';
import { useChange } from '../lib/use-change.ts';
import { Counted } from '../parts/counted.tsx';
import { FilterInput } from '../parts/filter-input.tsx';
import { SecretTable } from '../parts/secret-table.tsx';
import { Empty, Problem, Shown } from '../parts/states.tsx';
import type { ListedSecret } from '../state/types.ts';

/** Secrets of the organization come from a path of their own. Members without a role there see none. */
function useEverywhere(query: string): Pages<ListedSecret> {
	const { me } = useApp();
	const admin = me.roles.some((role) => role === 'org_owner' || role === 'org_admin');
	const own = usePages<ListedSecret>(`/api/secrets?all=true&${query}`);
	const org = usePages<ListedSecret>(admin ? `/api/org/secrets?${query}` : undefined);
	return useBoth(org, own, admin);
}

/** Searches everything that the person may see. */
export function SearchView({ query }: { readonly query: URLSearchParams }) {
	const text = query.get('q') ?? '';
	const tag = query.get('tag') ?? '';
	return (
		<>
			<h1>Search</h1>
			<form class="toolbar" onSubmit={(event) => event.preventDefault()}>
				<FilterInput
					search
					class="filter"
					aria-label="Text in key or description"
					placeholder="Text in key or description"
					value={text}
					onDone={(q) => replaceQuery({ q })}
				/>
				<FilterInput
					search
					class="filter"
					aria-label="Tag"
					placeholder="Tag"
					value={tag}
					onDone={(one) => replaceQuery({ tag: one })}
				/>
			</form>
			{text === '' && tag === '' ? (
				<Empty title="Type what you look for">
					<p>A part of a key or of a description, or a tag.</p>
				</Empty>
			) : (
				<Results key={`${text} ${tag}`} text={text} tag={tag} />
			)}
		</>
	);
}

function Results({ text, tag }: { readonly text: string; readonly tag: string }) {
	const query = new URLSearchParams({ ...(text ? { q: text } : {}), ...(tag ? { tag } : {}) });
	const loaded = useEverywhere(String(query));
	return (
		<Shown loaded={loaded} what="the results">
			{(secrets) =>
				secrets.length === 0 && loaded.more === undefined ? (
					<Empty title="Nothing found">
						<p>Deleted secrets are in the recycle bin.</p>
					</Empty>
				) : (
					<Counted pages={loaded} what="secret">
						<SecretTable secrets={secrets} />
					</Counted>
				)
			}
		</Shown>
	);
}

/** Certificates and others that end soon. */
export function ExpiringView() {
	const loaded = useEverywhere('expiring=90d');
	return (
		<>
			<h1>Expiring</h1>
			<p class="hint">Secrets that end within 90 days, or have ended.</p>
			<Shown loaded={loaded} what="the secrets">
				{(secrets) =>
					secrets.length === 0 && loaded.more === undefined ? (
						<Empty title="Nothing ends within 90 days" />
					) : (
						<Counted pages={loaded} what="secret">
							<SecretTable
								expiring
								secrets={secrets.toSorted((a, b) => ((a.expiresAt ?? '') < (b.expiresAt ?? '') ? -1 : 1))}
							/>
						</Counted>
					)
				}
			</Shown>
		</>
	);
}

/** Deleted secrets, until somebody purges them. */
export function BinView() {
	const loaded = useEverywhere('deleted=true');
	const { notify } = useApp();
	const { problem, change } = useChange();
	const undelete = async ({ id, key, deploymentName }: ListedSecret): Promise<void> => {
		const path = deploymentName === undefined ? '/api/org/secrets/undelete' : '/api/secrets/undelete';
		const answer = await change('POST', path, { id });
		if (answer.ok) notify(`${key} is back with its last value.`);
		await loaded.reload();
	};
	return (
		<>
			<h1>Recycle bin</h1>
			<p class="hint">
				Deleted secrets that can be undeleted. To remove one for good, open its history and destroy it.
			</p>
			<Problem text={problem} />
			<Shown loaded={loaded} what="deleted secrets">
				{(secrets) =>
					secrets.length === 0 && loaded.more === undefined ? (
						<Empty title="The recycle bin is empty" />
					) : (
						<Counted pages={loaded} what="deleted secret">
							<SecretTable secrets={secrets} onUndelete={(secret) => void undelete(secret)} />
						</Counted>
					)
				}
			</Shown>
		</>
	);
}
