// Functions of the C library that look up hosts and services: signs of more than one pack.

const words = (text: string): readonly string[] => text.trim().split(/\s+/);

export const HOST_LOOKUPS = words(`
  getaddrinfo getaddrinfo_a getnameinfo gethostbyname gethostbyname2 gethostbyname_r gethostbyname2_r
  gethostbyaddr gethostbyaddr_r getnetbyname getnetbyname_r
`);

/** Of services and protocols, by name or number. */
export const RECORD_LOOKUPS = words(`
  getservbyname getservbyname_r getservbyport getservbyport_r getservent
  getprotobyname getprotobyname_r getprotobynumber getprotobynumber_r getprotoent
`);

export const ACCOUNT_LOOKUPS = words(`
  getpwnam getpwnam_r getpwuid getpwuid_r getpwent getpwent_r getspnam getspnam_r
  getgrnam getgrnam_r getgrgid getgrgid_r getgrent getgrent_r getgrouplist initgroups
`);

/** Queries that are sent to name servers directly (resolver(3)); the names of glibc begin with `__`. */
export const QUERIES = words('init query search ninit nquery nsearch').flatMap((name) => [
  `res_${name}`,
  `__res_${name}`,
]);
