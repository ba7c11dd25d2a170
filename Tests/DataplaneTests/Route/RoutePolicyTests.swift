import Net
import Testing

@testable import Dataplane

@Suite("Policy rules: which table a packet is looked up in")
struct RoutePolicyTests {
    /// A rule to table 100, where everything leads out of p1; without a match, p2 by table main.
    static func router(_ rules: PolicyRule...) -> TestRouter {
        let router = TestRouter()
        router.writer.apply([
            .route(route("0.0.0.0/0", 2)), .route(route("0.0.0.0/0", 1, table: 100)),
            .route(route("0.0.0.0/0", 0, table: 101)), .route(route("198.51.100.0/24", 1, table: 101)),
            .route(ending("0.0.0.0/0", .throw, table: 102)),
        ])
        router.writer.apply(rules.map { .policy($0) })
        return router
    }
    static let to100 = PolicyRule.Action.lookup(table: 100)
    static let plain = RouteQuery(
        destination: "192.0.2.1", source: "203.0.113.5", mark: 0x12, tos: 0x10, ingress: port(0), ipProtocol: .udp,
        sourcePort: 1000, destinationPort: 53)

    @Test(
        "A selector picks the packets it names",
        arguments: [
            (PolicyRule(priority: 5, action: to100), true),
            (PolicyRule(priority: 5, source: "203.0.113.0/24", action: to100), true),
            (PolicyRule(priority: 5, source: "203.0.112.0/24", action: to100), false),
            (PolicyRule(priority: 5, destination: "192.0.2.1/32", action: to100), true),
            (PolicyRule(priority: 5, destination: "192.0.2.2/32", action: to100), false),
            (PolicyRule(priority: 5, ingress: "p0", action: to100), true),
            (PolicyRule(priority: 5, ingress: "p1", action: to100), false),
            (PolicyRule(priority: 5, ingress: "lo", action: to100), false),
            (PolicyRule(priority: 5, ingress: "eth9", action: to100), false),
            (PolicyRule(priority: 5, egress: "p1", action: to100), false),
            (PolicyRule(priority: 5, tos: 0x10, action: to100), true),
            (PolicyRule(priority: 5, tos: 0x08, action: to100), false),
            (PolicyRule(priority: 5, mark: 0x12, markMask: .max, action: to100), true),
            (PolicyRule(priority: 5, mark: 0x02, markMask: 0x0F, action: to100), true),
            (PolicyRule(priority: 5, mark: 0x03, markMask: 0x0F, action: to100), false),
            (PolicyRule(priority: 5, ipProtocol: 17, action: to100), true),
            (PolicyRule(priority: 5, ipProtocol: 6, action: to100), false),
            (PolicyRule(priority: 5, sourcePorts: 1000...1001, action: to100), true),
            (PolicyRule(priority: 5, sourcePorts: 1001...1002, action: to100), false),
            (PolicyRule(priority: 5, destinationPorts: 53...53, action: to100), true),
            (PolicyRule(priority: 5, destinationPorts: 1...52, action: to100), false),
            (PolicyRule(priority: 5, source: "203.0.113.0/24", isInverted: true, action: to100), false),
            (PolicyRule(priority: 5, ingress: "eth9", isInverted: true, action: to100), true),
            (PolicyRule(priority: 5, suppressPrefixLength: 0, action: to100), false),
            (PolicyRule(priority: 5, action: .lookup(table: 102)), false),
            (PolicyRule(priority: 5, action: .lookup(table: 4_000_000_000)), false),
            (PolicyRule(priority: 5, action: .nop), false),
            (PolicyRule(priority: 40000, action: to100), false),
        ])
    func selectors(rule: PolicyRule, matches: Bool) {
        #expect(Self.router(rule).decide(Self.plain) == (matches ? "p1" : "p2"))
    }

    @Test("What the host sends has come in on `lo`, and only it can be bound to an interface")
    func host() {
        let router = Self.router(PolicyRule(priority: 5, ingress: "lo", action: Self.to100))
        #expect(router.decide(RouteQuery(destination: "192.0.2.1")) == "p1")
        let bound = Self.router(PolicyRule(priority: 5, egress: "p1", action: Self.to100))
        #expect(bound.decide(RouteQuery(destination: "192.0.2.1", egress: port(1))) == "p1")
        #expect(bound.decide(RouteQuery(destination: "192.0.2.1")) == "p2")
    }

    @Test(
        "A rule may refuse by itself; unreachable there means the net",
        arguments: [
            (PolicyRule.Action.blackhole, "blackhole"), (.unreachable, "noRoute"), (.prohibit, "prohibit"),
        ])
    func refusals(action: PolicyRule.Action, answer: String) {
        #expect(Self.router(PolicyRule(priority: 5, action: action)).decide(Self.plain) == answer)
    }

    @Test("Rules go in order of priority, equal ones in the order they came")
    func order() {
        let a = PolicyRule(priority: 6, action: Self.to100)
        let b = PolicyRule(priority: 5, action: .lookup(table: 101))
        let c = PolicyRule(priority: 5, action: .prohibit)
        let router = Self.router(a, b, c)
        #expect(router.decide(Self.plain) == "p0")
        router.writer.apply([.policyRemoved(b)])
        #expect(router.decide(Self.plain) == "prohibit")
        router.writer.apply([.policyRemoved(c)])
        #expect(router.decide(Self.plain) == "p1")
        router.writer.apply([.policyRemoved(a)])
        #expect(router.decide(Self.plain) == "p2")
        #expect(router.writer.policyRules == PolicyRule.initial)
    }

    @Test("goto goes on at its target; one without a target, or with one behind, is passed over")
    func jumps() {
        let blocked = PolicyRule(priority: 10, action: .prohibit)
        let far = PolicyRule(priority: 20, action: Self.to100)
        #expect(
            Self.router(PolicyRule(priority: 5, action: .goto(priority: 20)), blocked, far).decide(Self.plain) == "p1")
        #expect(
            Self.router(PolicyRule(priority: 5, action: .goto(priority: 19)), blocked, far).decide(Self.plain)
                == "prohibit")
        #expect(Self.router(far, PolicyRule(priority: 30, action: .goto(priority: 20))).decide(Self.plain) == "p1")
        let back = PolicyRule(priority: 30, action: .goto(priority: 25))
        #expect(Self.router(PolicyRule(priority: 25, action: .nop), back).decide(Self.plain) == "p2")
    }

    @Test("A suppressed result is as none: the next rule is asked; refusals are not suppressed")
    func suppression() {
        let suppress = PolicyRule(priority: 5, suppressPrefixLength: 0, action: .lookup(table: 101))
        let router = Self.router(suppress)
        #expect(router.decide("198.51.100.7") == "p1")
        #expect(router.decide("192.0.2.1") == "p2")
        router.writer.apply([.route(ending("0.0.0.0/0", .prohibit, table: 101))])
        #expect(router.decide("192.0.2.1") == "prohibit")
    }

    @Test("The whole list can be set at once, also without the initial rules")
    func wholeList() {
        let router = Self.router()
        router.writer.setPolicy([PolicyRule(priority: 9, action: Self.to100)])
        #expect(router.decide(Self.plain) == "p1")
        #expect(router.decide("10.1.0.1") == "p1", "no rule leads to table local")
    }
}
