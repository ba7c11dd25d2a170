import FuzzSupport
import Net

// Frames as they are: whatever bytes a NIC or the host may hand in.

@_cdecl("FrameFuzzer_main")
public func main(_ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?) -> CInt {
    unsafe runFuzzer(count, arguments, fuzz)
}

private func fuzz(_ input: inout FuzzInput, _ router: FuzzRouter) {
    var frames = 0
    while !input.isEmpty, frames < 32 {
        frames += 1
        let choice = input.byte()
        var frame = input.bytes(Int(input.short()) % 1600)
        // Mostly to us, and with a header that passes its first checks.
        if choice & 1 == 0, frame.count >= 34 {
            frame.replaceSubrange(0..<6, with: [2, 0, 0, 0, choice & 2 == 0 ? 1 : 2, 1])
            frame[12] = 8
            frame[13] = 0
            frame[14] = 0x40 | frame[14] & 15
            let header = Int(frame[14] & 15) * 4
            if header >= 20, frame.count >= 14 + header {
                if choice & 4 == 0 {
                    frame[16] = UInt8((frame.count - 14) >> 8)
                    frame[17] = UInt8((frame.count - 14) & 255)
                }
                frame[24] = 0
                frame[25] = 0
                let sum = ~UInt16(frame[14..<14 + header].indices.reduce(UInt32(0)) { all, at in
                    let sum: UInt32 = all + UInt32(frame[at]) << UInt32(at % 2 == 0 ? 8 : 0)
                    return sum & 0xFFFF + sum >> 16
                })
                frame[24] = UInt8(sum >> 8)
                frame[25] = UInt8(sum & 255)
            }
        }
        router.send(
            frame: frame, on: choice & 2 == 0 ? FuzzRouter.lan : FuzzRouter.wan, after: UInt64(choice >> 4), isFromHost: choice & 8 != 0)
        _ = router.departures(isCorrect: false)
    }
}
