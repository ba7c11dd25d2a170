import CXDP
import Net

// What a route event does to the list of equal routes. The flags of RTM_NEWROUTE say where the kernel put the new one
// (`fib_table_insert`, net/ipv4/fib_trie.c):
//
//   CREATE | EXCL     no equal one was there
//   REPLACE           it took the place of the first equal one
//   CREATE | APPEND   behind the equal ones
//   CREATE            before the equal ones (`ip route prepend`)

extension KernelMirror {
    /// - Returns: the changes an RTM_NEWROUTE makes; nil if it is no route of a table.
    func addRoute(_ message: NetlinkMessage) -> [KernelChange]? {
        guard let reading = reader.read(message) else { return nil }
        let key = RouteKey(reading.route)
        if reading.usesNexthopObject { usesNexthopObjects = true }
        let before = state.routes[key] ?? []
        let after = Self.list(before, adding: reading.route, flags: Int32(truncatingIfNeeded: message.flags))
        if let problem = reading.problem {
            routeProblems[key] = problem
        } else if after.count == 1 {
            routeProblems[key] = nil
        }
        return Self.changes(from: before, to: after)
    }

    /// - Returns: the changes an RTM_DELROUTE makes; nil if it is no route of a table.
    func removeRoute(_ message: NetlinkMessage) -> [KernelChange]? {
        guard let reading = reader.read(message) else { return nil }
        let key = RouteKey(reading.route)
        guard let before = state.routes[key] else { return [] }
        // Hops die without an event, so that the route that goes may look different from what we know.
        guard
            let index = before.firstIndex(of: reading.route)
                ?? before.firstIndex(where: { $0.withLivingHops == reading.route.withLivingHops })
        else {
            stale.insert(.routes)
            return []
        }
        var after = before
        after.remove(at: index)
        if after.isEmpty { routeProblems[key] = nil }
        return Self.changes(from: before, to: after)
    }

    /// The list of equal routes after one was added.
    static func list(_ before: [Route], adding route: Route, flags: Int32) -> [Route] {
        // The kernel refuses a route it has. If we have it, a dump was ahead of the event.
        if before.contains(route) { return before }
        if flags & NLM_F_REPLACE != 0 { return [route] + before.dropFirst() }
        if flags & NLM_F_APPEND != 0 { return before + [route] }
        if flags & NLM_F_EXCL != 0 { return [route] }
        return [route] + before
    }

    private static func changes(from before: [Route], to after: [Route]) -> [KernelChange] {
        let step = KernelState.listChanges(from: before, to: after)
        return step.removed.map(KernelChange.routeRemoved) + step.added.map(KernelChange.route)
    }
}

extension Route {
    fileprivate var withLivingHops: Route {
        var route = self
        for index in route.hops.indices { route.hops[index].isDead = false }
        return route
    }
}
