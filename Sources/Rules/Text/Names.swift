import Glibc
import Net
import Synchronization

/// Names of protocols, services and hosts, looked up where iptables looks: the system's databases and resolver.
enum Names {
    /// The C library keeps one answer of each kind for the whole process, and rules are read on several threads.
    private static let database = Mutex(())

    /// Protocols iptables knows even if /etc/protocols lacks them, in its order of preference.
    private static let protocols: [(name: String, number: UInt8)] = [
        ("tcp", 6), ("sctp", 132), ("udp", 17), ("udplite", 136), ("icmp", 1), ("ipv6-icmp", 58), ("icmpv6", 58),
        ("esp", 50), ("ah", 51), ("ipv6-mh", 135), ("mh", 135), ("all", 0),
    ]

    /// The number of a protocol name, in any case of letters.
    static func protocolNumber(_ name: String) -> UInt8? {
        let lowercase = name.lowercased()
        if lowercase == "all" { return 0 }
        if let known = protocols.first(where: { $0.name == lowercase }) { return known.number }
        return database.withLock { _ in
            guard let entry = unsafe getprotobyname(lowercase) else { return nil }
            return unsafe UInt8(truncatingIfNeeded: entry.pointee.p_proto)
        }
    }

    /// The name of a protocol number as a saved rule spells it, or nil if it has none.
    static func protocolName(_ number: UInt8) -> String? {
        guard number != 0 else { return nil }
        return database.withLock { _ in
            guard let entry = unsafe getprotobynumber(Int32(number)) else {
                return protocols.first { $0.number == number }?.name
            }
            return unsafe String(cString: entry.pointee.p_name)
        }
    }

    /// The port of a service name, of any protocol unless one is named.
    static func servicePort(_ name: String, protocolName: String?) -> UInt16? {
        database.withLock { _ in
            let entry: UnsafeMutablePointer<servent>?
            if let protocolName {
                unsafe entry = getservbyname(name, protocolName)
            } else {
                unsafe entry = getservbyname(name, nil)
            }
            guard let entry = unsafe entry else { return nil }
            return unsafe UInt16(bigEndian: UInt16(truncatingIfNeeded: entry.pointee.s_port))
        }
    }

    /// The name of a port, of any protocol unless one is named.
    static func serviceName(_ port: UInt16, protocolName: String?) -> String? {
        database.withLock { _ in
            let entry: UnsafeMutablePointer<servent>?
            if let protocolName {
                unsafe entry = getservbyport(Int32(port.bigEndian), protocolName)
            } else {
                unsafe entry = getservbyport(Int32(port.bigEndian), nil)
            }
            guard let entry = unsafe entry else { return nil }
            return unsafe String(cString: entry.pointee.s_name)
        }
    }

    /// The name of a user's number.
    static func user(_ number: UInt32) -> String? {
        database.withLock { _ in unsafe getpwuid(number).map { unsafe String(cString: $0.pointee.pw_name) } }
    }

    /// The name of a group's number.
    static func group(_ number: UInt32) -> String? {
        database.withLock { _ in unsafe getgrgid(number).map { unsafe String(cString: $0.pointee.gr_name) } }
    }

    /// The number of a user's name.
    static func userNumber(_ name: String) -> UInt32? {
        database.withLock { _ in unsafe getpwnam(name).map { unsafe $0.pointee.pw_uid } }
    }

    /// The number of a group's name.
    static func groupNumber(_ name: String) -> UInt32? {
        database.withLock { _ in unsafe getgrnam(name).map { unsafe $0.pointee.gr_gid } }
    }

    /// All IPv4 addresses of a host, in the resolver's order, each once: what `HostNames` in force say, or else the resolver.
    static func addresses(ofHost name: String) -> Result<[IPv4Address], ResolverFailure> {
        // What is made of digits and dots is no name, and no name server is asked what it means.
        if name.utf8.allSatisfy({ $0 == UInt8(ascii: ".") || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) {
            return resolve(name, flags: AI_NUMERICHOST)
        }
        return HostNames.current?.addresses(of: name) ?? resolve(name)
    }

    /// What this process's resolver says.
    static func resolve(_ name: String, flags: Int32 = 0) -> Result<[IPv4Address], ResolverFailure> {
        var hints = unsafe addrinfo()
        unsafe hints.ai_family = AF_INET
        unsafe hints.ai_socktype = Int32(SOCK_RAW.rawValue)
        unsafe hints.ai_flags = AI_CANONNAME | flags
        var list: UnsafeMutablePointer<addrinfo>?
        let code = unsafe getaddrinfo(name, nil, &hints, &list)
        guard code == 0 else { return .failure(ResolverFailure(reason: unsafe String(cString: gai_strerror(code)))) }
        defer { unsafe freeaddrinfo(list) }
        var addresses: [IPv4Address] = []
        var next = unsafe list
        while let entry = unsafe next {
            if unsafe entry.pointee.ai_family == AF_INET, let socketAddress = unsafe entry.pointee.ai_addr {
                let raw = unsafe socketAddress.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
                    unsafe $0.pointee.sin_addr.s_addr
                }
                let address = IPv4Address(rawValue: UInt32(bigEndian: raw))
                if !addresses.contains(address) { addresses.append(address) }
            }
            unsafe next = entry.pointee.ai_next
        }
        return .success(addresses)
    }

    struct ResolverFailure: Error { var reason: String }
}
