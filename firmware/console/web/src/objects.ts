// What an administrator names: applications, businesses, groups; and what is kept how long.
export interface Endpoint { protocol: number | null; ports: string[]; addresses: string[] }
export interface Application { name: string; endpoints: Endpoint[] }
export type Business = Application;
export interface IpGroup { name: string; addresses: string[] }
export interface InterfaceGroup { name: string; interfaces: { exporter: number; index: number }[] }
export interface LinkGroup { name: string; links: number[] }
export interface Objects {
  applications: Record<string, Application>; businesses: Record<string, Business>; ip_groups: Record<string, IpGroup>;
  interface_groups: Record<string, InterfaceGroup>; link_groups: Record<string, LinkGroup>; numbers: number;
}
export type Kind = 'applications' | 'businesses' | 'ip_groups' | 'interface_groups' | 'link_groups';
export const KINDS: Kind[] = ['applications', 'businesses', 'ip_groups', 'interface_groups', 'link_groups'];
export type AnyObject = Application | IpGroup | InterfaceGroup | LinkGroup;

export const NO_OBJECTS: Objects = { applications: {}, businesses: {}, ip_groups: {}, interface_groups: {}, link_groups: {}, numbers: 0 };
/** Numbers above this are applications that an administrator defined. */
export const DEFINED = 0x8000;
/** Links above this are exporters. */
export const EXPORTERS = 65535;

export type KeptClass = 'records' | 'seconds' | 'minutes' | 'rollups' | 'logs' | 'transactions' | 'packets';
export interface KeepLimit { age: number; gb: number | null }
export type RemovedWhy = 'age' | 'size' | 'disk_full';
export interface StorageClass {
  class: KeptClass; limit: KeepLimit; bytes: number; records: number | null; oldest: number | null; newest: number | null; bytes_per_day: number | null;
  next: string | null; next_at: number | null; next_why: RemovedWhy | null;
}
export interface Removed { at: number; class: KeptClass; what: string; bytes: number; why: RemovedWhy }
export interface Countries { name: string; imported: number | null; ranges: number }
export interface Storage {
  disk_bytes: number; free_bytes: number; full_percent: number; classes: StorageClass[]; removed: Removed[]; damaged_files: { name: string; bytes: number }[];
  hours_open: number; countries: Countries | null;
}
