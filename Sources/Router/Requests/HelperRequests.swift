import Control
import Dataplane
import Net
import Synchronization

extension RequestHandler {
    /// What is expected now, in no order.
    func expectationRows() -> [ExpectationRow] { core.expectationRows(at: MonotonicClock.now()) }

    /// All helpers that rules or the configuration may name or have named.
    func helperRows() -> [HelperRow] {
        let now = MonotonicClock.now()
        var flows: [UInt8: Int] = [:]
        var expectations: [UInt8: Int] = [:]
        let (names, assignments) = core.lock.withLock { _ in
            core.forEachFlow { if $0.expires > now, $0.helper != 0 { flows[$0.helper, default: 0] += 1 } }
            core.shared.flows.expectations.forEach(at: now) { expectations[$0.helper, default: 0] += 1 }
            return (core.helperNames, core.helperAssignments)
        }
        return names.names.compactMap { name in
            guard let kind = HelperKind(named: name), let number = names.number(of: name) else { return nil }
            let description = kind.description
            let policy = description.policies[0]
            return HelperRow(
                name: name, protocol: description.ipProtocol, ports: assignments.ports(of: number),
                flows: flows[number] ?? 0, expectations: expectations[number] ?? 0, limit: Int(policy.maximum),
                timeout: policy.timeout)
        }
    }
}

extension RouterCore {
    func expectationRows(at now: Instant) -> [ExpectationRow] {
        lock.withLock { _ in
            var rows: [ExpectationRow] = []
            // Masters keep their numbers meanwhile.
            shared.epochs.enter(workerCount)
            defer { shared.epochs.leave(workerCount) }
            shared.flows.expectations.forEach(at: now) { rows.append(ExpectationRow($0, at: now, helperNames)) }
            return rows
        }
    }
}

extension ExpectationRow {
    /// What /proc/net/nf_conntrack_expect would say of one.
    init(_ found: ExpectationTable.Record, at now: Instant, _ helperNames: HelperNames) {
        self.init(
            protocol: found.tuple.ipProtocol, timeout: UInt32(clamping: found.expires.since(now) / 1_000_000_000),
            source: found.tuple.source, destination: found.tuple.destination, sourcePort: found.tuple.sourcePort,
            destinationPort: found.tuple.destinationPort, sourceMask: found.sourceMask, sourcePortMask: found.sourcePortMask,
            zone: found.zone, masterSource: found.master.source, masterDestination: found.master.destination,
            masterProtocol: found.master.ipProtocol, masterSourcePort: found.master.sourcePort,
            masterDestinationPort: found.master.destinationPort, expectationClass: found.expectationClass,
            isPermanent: found.isPermanent, isInactive: found.isInactive, helper: helperNames.name(of: found.helper))
    }
}
