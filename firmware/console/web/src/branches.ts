// How the analysis goes from a group into what it is made of.
import type { FlowKey } from './query';
import type { Key } from './text/text.svelte';

/** A ranking, and the rankings that each of its rows opens. */
export interface Branch { id: string; title: Key; by: FlowKey[]; filter?: string; next: () => Branch[]; define?: boolean; peers?: boolean }

const peers = (): Branch => ({ id: 'peers', title: 'branch.peers', by: ['conversation'], next: () => [tuples()], peers: true });
const tuples = (): Branch => ({ id: 'tuples', title: 'branch.tuples', by: ['src_ip', 'src_port', 'dst_ip', 'dst_port', 'protocol'], next: () => [] });
const apps = (...next: (() => Branch)[]): Branch => ({ id: 'apps', title: 'top.apps', by: ['app'], next: () => next.map((one) => one()) });
const hosts = (...next: (() => Branch)[]): Branch => ({ id: 'hosts', title: 'top.hosts', by: ['host'], next: () => next.map((one) => one()) });
const hostApps = (): Branch => hosts(() => apps(peers));

export const hostsBranch = (): Branch => hosts(() => apps(peers), peers);
export const appsBranch = (): Branch => ({
  ...apps(),
  next: () => [
    { id: 'sources', title: 'branch.sources', by: ['src_ip'], next: () => [peers()] },
    { id: 'destinations', title: 'branch.destinations', by: ['dst_ip'], next: () => [peers()] },
  ],
});
export const conversationsBranch = (): Branch => ({ id: 'conversations', title: 'top.conversations', by: ['conversation'], next: () => [apps(tuples), tuples()] });
export const tuplesBranch = (): Branch => tuples();
export const unknownBranch = (by: 'port' | 'src' | 'dst'): Branch => ({
  id: `unknown-${by}`, title: 'branch.unknown', filter: 'app unknown', by: by === 'port' ? ['protocol', 'dst_port'] : [by === 'src' ? 'src_ip' : 'dst_ip'], define: true,
  next: () => (by === 'port' ? [{ id: 'destinations', title: 'branch.destinations', by: ['dst_ip'], next: () => [tuples()] }, { id: 'sources', title: 'branch.sources', by: ['src_ip'], next: () => [tuples()] }] : [{ id: 'ports', title: 'branch.ports', by: ['protocol', 'dst_port'], next: () => [tuples()], define: true }]),
});
export const plainBranch = (key: FlowKey, title: Key): Branch => ({ id: key, title, by: [key], next: () => [apps(() => hosts(peers)), hostApps()] });
