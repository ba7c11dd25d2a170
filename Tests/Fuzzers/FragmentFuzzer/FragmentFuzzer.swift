import FuzzSupport
import Net
import TestSupport

// Putting fragments together: pieces of few datagrams in any order, overlapping, too long, too short, with gaps and pauses.

@_cdecl("FragmentFuzzer_main")
public func main(_ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?) -> CInt {
    unsafe runFuzzer(count, arguments, fuzz)
}

private func fuzz(_ input: inout FuzzInput, _ router: FuzzRouter) {
    var pieces = 0
    while !input.isEmpty, pieces < 128 {
        pieces += 1
        let choice = input.byte()
        var packet = TestPacket(ip: .init(source: FuzzRouter.client, destination: FuzzRouter.server, proto: choice & 4 == 0 ? .udp : .icmp))
        packet.ip?.id = UInt16(choice & 3)
        packet.ip?.moreFragments = choice & 8 != 0
        packet.ip?.dontFragment = choice & 16 != 0
        packet.ip?.offset = Int(choice & 32 != 0 ? input.short() % 8192 : UInt16(input.byte())) * 8
        packet.ip?.destination = choice & 64 != 0 ? "10.0.0.1" : FuzzRouter.server
        let length = choice & 128 != 0 ? Int(input.short()) % 3000 : input.below(200)
        packet.payload = input.bytes(min(length, 16)) + TestPacket.pattern(max(length - 16, 0))
        router.send(packet, on: FuzzRouter.lan, after: pieces % 8 == 0 ? UInt64(input.short()) : 0)
        _ = router.departures(isCorrect: false)
    }
}
