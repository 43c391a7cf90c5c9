//! The box's own screen and serial port: says where the console is and what the setup code is, then takes commands.

use std::io::IsTerminal as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use api::supervisor::{
    AuthenticateRequest, PortRole, SettingsAnswer, SettingsQuery, SetupCodeQuery, SetupQuery, SetupState,
};
use rustyline::ExternalPrinter;
use settings::Language;

use crate::ask::{Appliance, explain};
use crate::idle::Idle;
use crate::lang::say;
use crate::secret;
use crate::session::Session;
use crate::shell::{self, Ended};

/// A session that nobody uses ends after this.
const IDLE: Duration = Duration::from_secs(600);
/// How long to wait before a supervisor that does not answer is asked again.
const AGAIN: Duration = Duration::from_secs(1);

/// What the screen shows.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Shown {
    setup: SetupState,
    code: Option<String>,
    addresses: Vec<String>,
}

/// Serves the terminal until its session ends; the unit starts it again.
pub(crate) fn run(language: Option<Language>) -> anyhow::Result<()> {
    let appliance = Appliance::new()?;
    let mut lines = shell::lines()?;
    // A session is open: what changes is not printed into it.
    let busy = Arc::new(AtomicBool::new(false));
    let first = wait(&appliance);
    let chosen = language_for(language, first.setup.language);
    print!("{}", banner(&first, chosen));
    let printer = if std::io::stdin().is_terminal() {
        lines.create_external_printer().ok()
    } else {
        None
    };
    let following = (first.clone(), busy.clone());
    std::thread::spawn(move || follow(language, following.0, &following.1, printer));

    let goodbye = say(
        chosen,
        (
            "The session ended because nobody used it.",
            "会话因长时间未使用而结束。",
        ),
    );
    let idle = Idle::watch(goodbye);
    let mut session = Session {
        appliance,
        language: chosen,
        set_up: first.setup.done,
        interactive: true,
    };
    if first.setup.done {
        log_in(&session)?;
        busy.store(true, Ordering::Relaxed);
        shell::run(&mut lines, &mut session, (&idle, Some(IDLE)), |_| true);
        return Ok(());
    }
    // Without a password only until the set-up is done; the supervisor holds to that as well.
    let ended = shell::run(&mut lines, &mut session, (&idle, None), |session| {
        session.is_set_up() == Ok(false)
    });
    if ended == Ended::Changed {
        println!(
            "{}",
            say(
                session.language,
                ("The set-up is done: log in.", "初始设置已完成：请登录。")
            )
        );
    }
    Ok(())
}

/// A virtual terminal has no Chinese glyphs.
fn language_for(wanted: Option<Language>, settings: Language) -> Language {
    let plain = std::env::var("TERM").is_ok_and(|term| term == "linux");
    wanted.unwrap_or(if plain { Language::English } else { settings })
}

fn wait(appliance: &Appliance) -> Shown {
    let mut said = false;
    loop {
        if let Some(shown) = look(appliance, None) {
            return shown.1;
        }
        if !said {
            println!("Spanwatch is starting ...");
            said = true;
        }
        std::thread::sleep(AGAIN);
    }
}

/// The state and the number of its last change; with `newer_than` waits for a change.
fn look(appliance: &Appliance, newer_than: Option<u64>) -> Option<(u64, Shown)> {
    let answer = appliance.ask(SettingsQuery { newer_than }).ok()?;
    let setup = appliance.ask(SetupQuery {}).ok()?;
    let code = if setup.done {
        None
    } else {
        appliance.ask(SetupCodeQuery {}).ok()?.code
    };
    let shown = Shown {
        setup,
        code,
        addresses: addresses(&answer),
    };
    Some((answer.change, shown))
}

/// Addresses that a browser can be pointed at: no link-local ones.
fn addresses(answer: &SettingsAnswer) -> Vec<String> {
    let management = answer.ports.iter().filter(|port| port.role == PortRole::Management);
    let plain = management.flat_map(|port| &port.addresses).filter_map(|text| {
        let address: std::net::IpAddr = text.split('/').next()?.parse().ok()?;
        match address {
            std::net::IpAddr::V6(v6) if v6.is_unicast_link_local() => None,
            std::net::IpAddr::V6(v6) => Some(format!("[{v6}]")),
            std::net::IpAddr::V4(v4) => Some(v4.to_string()),
        }
    });
    plain.collect()
}

/// Prints the banner again whenever what it says changes, and no session is open.
fn follow(language: Option<Language>, mut last: Shown, busy: &AtomicBool, mut printer: Option<impl ExternalPrinter>) {
    let Ok(appliance) = Appliance::new() else {
        return;
    };
    let mut change = None;
    loop {
        match look(&appliance, change) {
            Some((number, shown)) => {
                change = Some(number);
                if shown.setup.done && !last.setup.done {
                    // What was open without a password ends here; the unit starts anew and asks for it.
                    std::process::exit(0);
                }
                if shown != last && !busy.load(Ordering::Relaxed) {
                    let text = banner(&shown, language_for(language, shown.setup.language));
                    match &mut printer {
                        Some(printer) => {
                            let _ = printer.print(text);
                        }
                        None => print!("{text}"),
                    }
                }
                last = shown;
            }
            None => std::thread::sleep(AGAIN),
        }
    }
}

fn banner(shown: &Shown, language: Language) -> String {
    let mut text = format!("\nSpanwatch 网镜 {}  {}\n", shown.setup.version, shown.setup.hostname);
    if language == Language::English {
        text = text.replace(" 网镜", "");
    }
    if shown.addresses.is_empty() {
        let none = (
            "Console: no address yet (see `show ports` and `set management`)",
            "Console: 尚无地址（参见 show ports 和 set management）",
        );
        text.push_str(say(language, none));
        text.push('\n');
    }
    for address in &shown.addresses {
        text.push_str(&format!("Console: https://{address}/\n"));
    }
    if let Some(code) = &shown.code {
        text.push_str(&format!("Setup code: {code}\n"));
        let hint = (
            "Open the console in a browser and type the setup code.\n",
            "请用浏览器打开控制台并输入上面的设置码（Setup code）。\n",
        );
        text.push_str(say(language, hint));
    }
    text
}

/// Asks for the administrator's password until it is right.
fn log_in(session: &Session) -> anyhow::Result<()> {
    let language = session.language;
    loop {
        let prompt = ("Password of admin: ", "admin 的密码：");
        let Some(password) = secret::password(say(language, prompt))? else {
            std::process::exit(0);
        };
        if password.is_empty() {
            continue;
        }
        let request = AuthenticateRequest {
            user: "admin".to_owned(),
            password,
            source: None,
        };
        match session.appliance.ask(request) {
            Ok(_) => return Ok(()),
            Err(e) => {
                println!("{}", explain(&e, language));
                let hint = (
                    "Lost it? Restart the box, choose \"Spanwatch recovery\" in the boot menu, and set a new one there.",
                    "忘记密码？重启设备，在启动菜单中选择 Spanwatch recovery，即可设置新密码。",
                );
                println!("{}", say(language, hint));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(code: Option<&str>, addresses: &[&str]) -> Shown {
        Shown {
            setup: SetupState {
                done: code.is_none(),
                language: Language::Chinese,
                hostname: "spanwatch".to_owned(),
                version: "0.1.0".to_owned(),
            },
            code: code.map(str::to_owned),
            addresses: addresses.iter().map(|a| (*a).to_owned()).collect(),
        }
    }

    #[test]
    fn the_banner_says_where_and_how() {
        let mut text = String::new();
        for language in [Language::English, Language::Chinese] {
            text.push_str(&banner(
                &shown(Some("ABCD-2345"), &["10.0.2.15", "[fd00::15]"]),
                language,
            ));
            text.push_str(&banner(&shown(None, &[]), language));
        }
        assert!(text.contains("\nSetup code: ABCD-2345\n") && text.contains("\nConsole: https://10.0.2.15/\n"));
        crate::tests::golden("golden/banner.txt", &text);
    }
}
