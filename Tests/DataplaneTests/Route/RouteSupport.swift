import Net

@testable import Dataplane

/// A small generator of numbers (SplitMix64), so that a failing case comes again with its seed.
struct SeededNumbers: RandomNumberGenerator {
    var state: UInt64
    init(_ seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// Keeps what was retired until the test says that readers have let go of it.
final class Retirement {
    var waiting: [() -> Void] = []
    func passBurstBoundary() {
        let due = waiting
        waiting = []
        for action in due { action() }
    }
}

/// A router with ports `p0`, `p1` … on links 2, 3 …, of which port n has address 10.n.0.1/24, with the routes that the
/// kernel would make for them.
struct TestRouter {
    let retirement = Retirement()
    let writer: RoutingWriter
    var routing: Routing { writer.routing }

    init(ports: Int = 3, settings: PortSettings = PortSettings()) {
        let retirement = retirement
        writer = RoutingWriter { retirement.waiting.append($0) }
        writer.setPorts(
            (0..<ports).map {
                RoutingPort(port: port($0), link: link($0), name: "p\($0)", settings: settings)
            })
        var changes: [KernelChange] = [
            .link(Link(index: LinkIndex(rawValue: 1), name: "lo", mac: .zero, mtu: 65536, isUp: true, isRunning: true)),
            .address(LinkAddress(link: LinkIndex(rawValue: 1), prefix: "127.0.0.1/8", scope: 254)),
            .route(local("127.0.0.0/8", on: LinkIndex(rawValue: 1))),
        ]
        for n in 0..<ports {
            let own = IPv4Address(10, UInt8(n), 0, 1)
            changes += [
                .link(
                    Link(
                        index: link(n), name: "p\(n)", mac: MACAddress(rawValue: 0x0200_0000_0000 + UInt64(n)),
                        mtu: 1500, isUp: true, isRunning: true)),
                .address(LinkAddress(link: link(n), prefix: IPv4Prefix(own, 24))),
                .route(local(IPv4Prefix(own, 32), on: link(n))),
                .route(
                    Route(
                        table: Route.localTable, prefix: IPv4Prefix(IPv4Address(10, UInt8(n), 0, 255), 32),
                        kind: .broadcast, scope: 253, origin: 2, hops: [RouteHop(link: link(n))])),
                .route(
                    Route(
                        prefix: IPv4Prefix(IPv4Address(10, UInt8(n), 0, 0), 24), scope: 253, origin: 2,
                        preferredSource: own, hops: [RouteHop(link: link(n))])),
            ]
        }
        writer.apply(changes)
    }

    /// The decision in a word: `p1 via 10.1.0.9`, `p1`, or the kind.
    func decide(_ query: RouteQuery) -> String { describe(routing.lookup(query)) }
    func decide(_ destination: IPv4Address) -> String {
        decide(RouteQuery(destination: destination, source: "10.0.0.9", ingress: port(0)))
    }
}

func port(_ n: Int) -> PortIndex { PortIndex(rawValue: UInt8(n)) }
/// The link of a port of `TestRouter`.
func link(_ n: Int) -> LinkIndex { LinkIndex(rawValue: Int32(n + 2)) }

func local(_ prefix: IPv4Prefix, on link: LinkIndex) -> Route {
    Route(
        table: Route.localTable, prefix: prefix, kind: .local, scope: 254, origin: 2, hops: [RouteHop(link: link)])
}

/// A route by a gateway, or on the link of a port without one.
func route(
    _ prefix: IPv4Prefix, _ n: Int, via gateway: IPv4Address? = nil, table: UInt32 = Route.mainTable, tos: UInt8 = 0,
    metric: UInt32 = 0
) -> Route {
    Route(
        table: table, prefix: prefix, tos: tos, metric: metric, scope: gateway == nil ? 253 : 0,
        hops: [RouteHop(link: link(n), gateway: gateway)])
}

func ending(_ prefix: IPv4Prefix, _ kind: RouteKind, table: UInt32 = Route.mainTable, tos: UInt8 = 0) -> Route {
    Route(table: table, prefix: prefix, tos: tos, kind: kind, hops: [])
}

func describe(_ result: RouteResult) -> String {
    switch result.kind {
    case .unicast: "p\(result.egress.rawValue)" + (result.isGateway ? " via \(result.nextHop)" : "")
    default: "\(result.kind)"
    }
}
