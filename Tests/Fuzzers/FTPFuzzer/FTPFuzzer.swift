import FuzzSupport
import Net
import Router

// The FTP helper: a control connection's text in both directions, cut at any place, and attempts to use what it announces.

@_cdecl("FTPFuzzer_main")
public func main(_ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?) -> CInt {
    unsafe runFuzzer(count, arguments, on: FuzzRouter { $0.conntrack.helpers = [.ftp: [21]] }) { input, router in
        var talk = FuzzTalk(router, port: 21)
        // From here on both directions are read.
        talk.say(Array("220 hello\r\n".utf8), isReply: true)
        talk.say(Array("USER a\r\n".utf8), isReply: false)
        talk.converse(&input)
    }
}
