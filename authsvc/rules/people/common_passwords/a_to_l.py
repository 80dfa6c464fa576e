"""From the digits to l."""

WORDS = """
007bond 10203040 11223344 12341234 12344321 123454321 123abc 123asd 123qwe 147258369 147852369 14789632 19841984
1direction 1q2w3e 1q2w3e4r 1q2w3e4r5t 1q2w3e4r5t6y 1qaz2wsx 1qaz2wsx3edc 1qazxsw2 1qazzaq1 20012001 22446688 2pac
2pac4life 2wsx3edc 31415926 49ers 50cent 741852963 78945612 789456123 87651234 8ball 963852741 98765432 987654321
a1b2c3 a1b2c3d4 a1s2d3f4 aabbcc aaliyah aaron abbeyroad abc123 abc1234 abcabc abcd abcde abcdef abcdefg abcdefgh
abcdefghij aberdeen abigail abracadabra abril absolut absolute absolutely abstract abuela abuelo academia academic
academy acapulco access accesspass accord acdc acer achieve achilles acmilan acoustic action activity actor actress
acura adam adams adgangskode admin adminadmin administrador administrateur administrator adminpass adobe adrenalin
adrenaline adrian adriana adriano adrienne advance advanced advantage adventur adventure advocate aerith affinity
africa african afrika aftermath agamemnon agent agents ageofempires aggies agnes agnieszka agosto agriculture
aguilera ahmad ahmed aileen aimee airborne airbus aircanada aircraft airforce airmail airplane airport aisha ajax
akuma alabama alabaster aladdin alaska albania albatros albatross albert alberto alchemist alchemy alejandr
alejandra alejandro alessandra alessandro alessia alessio alex alexa alexande alexander alexandr alexandra
alexandria alexis alfa alfaromeo algeria algerie algorithm alhambra alibaba alice aliceinchains alicia alien aliens
alina alisha alison allah allahuakbar allen allgood alliance alligator allison allmine allstar allstars almeida
almighty almond almost aloha alone alonzo alpaca alpha alphabet alphabeta alphaomega alpine alternate altima alvarez
always alyssa amadeus amanda amarillo amateur amazing amazon ambassador amber ambition ambrose ambrosia amelia amen
america american americana americano amethyst amor amorcito amore amores amour amsterda amsterdam amy1 anaconda
anakin anal analog analyst anarchist anarchy anastasia anatomy anchor anderson andersson andre andrea andreas andrei
andres andrew android andromeda angel angela angelbaby angeleyes angelface angelica angelika angelina angelito
angelo angels angelus angelwings anger angie angry animal animals anime anita anja ankara anke annabel annabelle
annalena annamaria annapolis anne annette annie annika anniversary anonymous answer antarctica antares antelope
anthony anthrax antje antler antoine antonella antonia antonio antwerpen anubis anyone anything aoe2 aout apache
apex apexlegends aphrodit aphrodite apocalypse apollo apple applejack applepie apples applesauce apricot april aqua
aquaman aquarius aqwzsx arabia arachnid aragorn arcade arcadia archange archangel archer archery archie architect
argentin argentina ariana ariane arianna ariel aries arizona arkansas armageddon armagedon armand armani armenia
armstrong army armyman arrow arrowhead arschloch arsenal artemis arthas arthur artichoke artillery artist artistic
artwork asdasd asdasdasd asdf asdfg asdfgh asdfghj asdfghjk asdfghjkl asdqwe ashleigh ashley asia asian aslan aspen
assassin assassins assassinscreed asshat asshole assholes assman assword asterisk asterix asteroid astonmartin
astonvilla astra astrid astroboy astronaut astronomy astros asus athena athene athens athlete athletic athletics
atlanta atlantic atlantis atlas atletico atom atomic attack attila attitude attorney auburn auckland auction audi
audia4 audio audrey august augustus aunt aurelius aurora aussie austin austinpowers australi australia austria
author authority autobahn automatic automne automobile autopass autumn avalanch avalanche avalon avatar avenger
avengers avenue aviation aviator avocado avril awesome awesomeness ayrton azerty azertyuiop azqsdf azsxdc azsxdcfv
aztec azul babe baby babybaby babybear babyblue babyboy babycakes babydoll babyface babygirl babygurl babylon5
babylove babyphat bacardi bach bachelor backbone backdoor backfire background backlash backpack backspace backstage
backstreet backstreetboys backyard bacon bacteria badass badboy badboys badger badgers badgirl badman badminton
badreligion baer baerchen baghdad bagheera bagpipes bahamas bailey baker balance bald baldy bali baller ballerina
ballet ballin balling ballroom baltimor baltimore bambi bambino bamboo banana bananas bandit banditos bangalore
bangbang bangkok bangladesh bank banker banking banshee barbados barbara barbie barbiedoll barca barcelon barcelona
baritone barkley barnabas barnes barney barnyard baron barracud barracuda barrister barry bart barton bartsimpson
baseball basel basher basketbal basketball bass basset bassist bassman bassplayer bastard bastards batgirl bathroom
batista batman batteries battery battle battlefi battlefield battleship battlestar bauer bayarea bayern
bayernmuenchen bayview bazinga beach beachboy beachboys beachbum beaches beagle beanbag beaner beanie beans bear
bearbear bearcat bearcats beardog bears beast beastie beastman beatle beatles beaumont beautifu beautiful beauty
beaver beavers bebita because becker beckham becky bedford bedlam bedroom beefcake beefstew beer beerbeer beers bees
beethove beethoven beetle beijing belarus belfast belgique belgium belgrade bell bella belladonna bellaswan belle
bellevue belmont beloved bemvindo benchmark bender benfica bengals benjamin benji bennett bennie benny bentley
benutzer benvenuto beograd beowulf berenice beretta bergen berger berkeley berlin bern bernard bernardo bernie
bertha beryl besiktas bestbuy bestfriend bestfriends bestman beta betatest bethany bethlehem betty beverly beyonce
beyond bianca bianchi bible bicycle bieber bienvenido bienvenue bigass bigbang bigbear bigben bigbird bigblue
bigboobs bigboss bigboy bigbrother bigbutt bigcock bigdaddy bigdick bigdog bigfish bigfoot biggie biggles bigguy
bighead bigjohn bigmac bigman bigmike bigmoney bigmouth bigone bigred bigsky bigtime bigtits bigtruck bike biker
bikes biking bilbao bilbo bill billabon billabong billbill billiard billiards billie billionaire billkaulitz bills
billy billybob billyboy billygoat bimmer binary bingo biohazard biologie biologist biology bioshock birddog
birdhouse birdie birdland birdman birds birgit birmingham birthday biscuit biscuits bisexual bishop bismarck bismark
bismillah bison bitch bitchass bitches bitchin bitchplease bitchy bitcoin bite biteme bitter bittersweet bizkit
blabla blablabla black blackbelt blackberries blackberry blackbird blackburn blackcat blackdog blackdragon blackfoot
blackfriday blackhawk blackhawks blackheart blackhole blackice blackie blackjack blacklabel blackmagic blackman
blackmetal blackops blackout blackpink blackpool blackrose blacksabbath blackstar blackwater blackwolf blade blades
blah123 blahblah blake blanc blanche blanco blank blanket blaster blau blaze blazer blazers bleach blessed blessing
blessings bleu blinders blink blinky blister blitz blizzard blond blonde blondes blondie blood bloodhound bloodline
bloodlust bloods bloody bloomer blossom blossoms blowfish blowjob blowme blue bluebear bluebell blueberry bluebird
blueblue bluebonnet bluedevils bluedog blueeyes bluefire bluefish bluegrass bluegreen bluejay bluejays blueline
bluemoon bluenose bluerose blues bluesbrothers blueskies bluesky bluesman bluestar bluestone bluewater blume blumen
blur blyat bmw325 bmwm3 boarder boardwalk boat boating bobafett bobby bobbyjoe bobcat bobcats bobdole bobdylan
bobmarley bobsmith bobthebuilder boca bocajuniors bochum bodhi bodom bodybuilder bodybuilding boeing bogart bogota
bogus bohemian bohica bolivia bollocks bologna bomb bombay bomber bombs bombshell bonanza bonbon bond007 bondage
bondjames bone bonehead boneman bones boneyard bongo bonita bonito bonjour bonjovi bonn bonnie bono bonsoir bonzai
bonzo boobear boobie boobies boobs booger boogie book bookcase bookmark books bookshelf bookworm boom boomboom
boomer boomerang boomtown boondock bootie boots bootsie booty bootycall borabora bordeaux borderlands borders
borealis borg boricua boris borisbecker borneo borussia bosch bosnia bosox boss bosslady bossy boston bottle bottom
boulder boundary bountyhunter bourbon bowhunter bowler bowling bowser bowwow boxcar boxer boxers boxing boyboy
boyfriend boys boyzone bozo bradford bradley bradshaw brain braindead brainiac brains brandnew brandon brandy brasil
brasileira bratislava braun brave bravehea braveheart braves bravo brazil bread breakdance breaker breakfast
breakingbad breakout breast breeze breezy bremen brenda bretagne brewers brewster brian bricks bride bridge bridges
bridget bright brightness brighton brigitte brilliant brisbane bristol britain british britney britneyspears britta
brittany brittney brno broadband broadway broccoli broken brokenheart broker bronco broncos bronson bronx bronze
brooke brooklyn brooks brother brothers brown brownie brownies browns bruce brucelee brucewayne bruder bruins
bruiser brunette bruno brussels brutal brutus bruxelles bryan bryant24 btsarmy bubba bubbas bubble bubblegu
bubblegum bubbles buccaneers bucharest buck buckeye buckeyes buckley bucks buckshot buckwheat bucs bucuresti
budapest buddha buddie buddy buddyboy buddydog budgie budlight budman budweiser buenosaires buffalo buffett buffy
bugatti bugger buggs bugs bugsbunny bugsy buick builder building bulbasaur bulgaria bull bulldog bulldogs bulldozer
bullet bullets bullfrog bullhead bulls bullseye bullshit bumble bumblebee bumbum bumper bungalow bunghole bunker
bunnies bunny bunnyrabbit burger burgers burgundy burning burnout burrito burton buses bushido business busted
buster busybee butcher butler butt butter butterball buttercup butterfl butterflies butterfly butters butterscotch
buttface butthead butthole button buttons buzz buzzard buzzlightyear buzzsaw bypass byteme bärchen c3po cabbage
cabron cactus cadence cadillac caesar caffeine cairo cajun calcio calcutta caldwell calgary cali calico caliente
californ california callofdu callofduty calvin calvinklein calypso camaro cambridge camel camelot camera cameron
camila camilla camille campanile campbell campeon camper campfire camping campus camry canada canadian canadien
canadiens canary cancer cancun candace candice candle candles candy candyapple candycane candygirl candyman cannabis
cannibal cannon cannondale canon canondale canton cantona canucks canyon capacity capetown capital capitals capone
cappuccino caprice capricor capricorn capsule captain captainamerica cara caracas caralho caramel caravaggio caravan
cardiff cardinal cardinals cards caribbean caribou carina carl carla carlito carlitos carlos carlsberg carlton
carmel carmella carmen carnage carnaval carnival carol carola carolin carolina caroline carolyn carousel carpediem
carpenter carpet carrie carrot carrots carter cartman cartoon cartoons carving casablanca casanova cascade cascades
case casey cash cashew cashflow cashmere cashmoney casino casio casper cassandra cassidy cassie cassius castaway
castillo castle castles castor catalina catalyst catapult cataract catcat catcher catching catdog category caterina
caterpillar catfish cathedral catherin catherine catholic cathy catnip cats catwoman cavalier cavaliers caveman
cavern cavs cazzo cecilia cedar celebration celebrity celeste celestial celica celina celine celinedion cello
cellular celtic celtics centaur centauri center centos central centurion century ceramics cerberus certified cessna
chainsaw chairman challenge challenger chamber chambers chameleon champ champagne champion champions chance chandler
change changeit changeme changes changethis chantal chaos chapel chapman character charcoal charger chargers
charisma charity charizard charlene charles charlie charlott charlotte charlton charmander charmed charming charter
chase chaser chaucer chavez cheat cheatcode cheater cheats checkers checkmate cheddar cheeks cheeky cheer cheerful
cheerleader cheerleading cheers cheese cheeseburger cheesecake cheetah chelsea chelsey chemical chemicalbrothers
chemie chemist chemistry chennai cherokee cherries cherry chess chessie chester chesterfield chestnut chevelle
chevrolet chevy chewbacc chewbacca chewie chewy cheyenne chicago chicagobears chicken chickens chickenwing chico
chief chiefs chieftain chihuahua child children chile chilidog chillin chilling chilly chimaera chimp china chinacat
chinadoll chinese chinook chip chipmunk chipper chips chiquita chivalry chivas chloe chobits chocobo chocolat
chocolate chopin chopper chosen1 chowchow chris chrissy christ christa christel christi christia christian
christiane christin christina christine christma christmas christop christopher christus chrome chronic chronicle
chronos chrysler chubbs chubby chuck chuckie chucky chuj chunli church churchill ciao ciara cielo cigarette cigars
cimarron cincinnati cinderella cindy cinema cinnamon circle circuit circus cisco citadel citizen citroen citrus
civic civilian civilization claire clapton clara clarinet clarissa clark clash class classic classical classics
classof classroom claude claudia claudio claymore clayton cleaning clearwater clemson cleo cleopatra clevelan
cleveland clever client clifford clifton climber climbing clinton clio clipper clippers clippy clocktower cloclo
closeup cloud clouds cloudstrife clover clown clowns clubber cluster coach coaster cobain cobol cobra cobras
cocacola cochise cock cocker cockroach cocks cocksucker cocktail cocoa coconut coconuts codeblue codename codmw2
coeur coffee coffeecup coke cola cold coldbeer coldfire coldplay coldstone coleman colin collection collector
colleen college collie collins cologne colombia colombo colonel colonial colonize colony color colorado colors
colossus colour colours colt coltrane colts columbia columbus combat comedy comeon comet comfort comics comma
command commandconquer commander commanders commando commodore communication community compact company compaq
compass complete complex compton computer computers comrade concept concert concord concorde concrete condor
conehead confidential confused confusion congo congress connard connect connecticut connection connie connor conquer
conqueror conquest conrad1 console constance constant constantine construction consult consulting consumer contact
content contract contrasena contraseña control controller convert cook cookie cookiemonster cookies cool coolbeans
coolboy coolbreeze coolcat coolcool cooldude cooler coolgirl coolguy coolio coolman cooper coopers copenhagen copper
cops copyright coral corazon corazones cordelia corinna corinthians cork corky corleone corndog cornelia cornell
corner cornwall corolla corona coronado corporate corrado corsa corsair corse cortana corvett corvette corvus cosmic
cosmo cosmos costa costarica cottage cotton cottoncandy cougar cougars council counter counterstrike country
countryboy countrygirl county courage courtney cousin cousins cowabunga cowboy cowboys cowgirl cows coyote coyotes
coño crack cracker crackers cracking cradle crafty craig cranberry craven crawford crawler crayon crazy crazybitch
crazyboy crazycat crazyfrog crazygirl crazyhorse crazyman cream creation creative creature credit creed creeper
crescent cricket criminal crimson crips cripz crispy cristal cristian cristiano cristina cristo critical critter
croatia crocodile crossbow crosscountry crossfire crossroad crossroads crowbar crown cruise cruiser crunch crusader
crusher crusty cruz cruzazul cruzeiro crying cryptic crypto crysis crystal crystals cs16 csgo csharp cstrike cuba
cubano cubbies cubs cucumber cuddle cuddles cuervo culinary cumming cumpleanos cumshot cunt cunts cuore cupcake
cupcakes cupid cure curiosity curious curly current curry curtain curtis custard custom customer cute cuteboy
cutegirl cutie cutiepie cutlass cutter cyber cyberpunk cyborg cycling cyclist cyclone cyclops cynthia cypress cyrano
czech dachshund daddy daddysgirl daenerys daffy daffyduck daftpunk dagger dagmar dahlia daisies daisy daisydog
daisymae dakota dale3 dale88 dalek dali dallas dalmatian dana dance dancer dancing danger dangerous daniel daniela
daniella danielle danmark dante daphne daredevil dark darkangel darkknight darklord darkman darkness darkside
darkstar darling darren darthvader darts darwin daryl database daughter david davinci davis dawn daylight
deadkennedys deadpool dean1 deanna dearest death deathmetal deathnote deathstar debbie debian debora deborah debra
december decembre deeppurple deer deere deerhunt deerhunter default defender delaware delhi delia dell delphine
delta deltaforce demo demodemo demon demons denise denmark dennis dental dentist denver depeche depechemode derek
desert design designer desire desiree desktop destiny destroy destroyer destruction destructor detective detroit
deutsch deutschland developer devil devils dexter dezember dhaka diablo diamond diamonds diana diane diaz diciembre
dick dickhead dicks diego dienstag diesel digimon digital dimanche dinamo dios diosesamor discord discovery disney
disneyland disturbed diva divas diver diving djtiesto doctor doctors doctorwho dodge dodger dodgers dogbone dogecoin
doggie doggy doghouse dogs dolfan dollar dollars dolly dolphin dolphins dominate dominator domingo dominic
dominicana dominik dominique domino donald donaldduck donatello donkey donkeykong donna donnerstag donovan doodle
doodlebug doodles dookie doom doomsday dopey dora doris dorothy dortmund dota douglas drache dracula dragon
dragonage dragonball dragonballz dragonborn dragonfly dragons dragonslayer dragoon drake drama drdre dream dreamcast
dreamcatcher dreamer dreamers dreaming dreams dresden drhouse drift drifter drpepper drum drummer drums drwho dubai
dublin dubois ducati duchess duck duckie ducks ducky dude dudedude dudeman dudley duesseldorf duffbeer duffy
duisburg duke dukeblue dumb dumbass dumbledore dumbo dummy duncan dunk dupa durand dustin dusty dutch dutchess dwarf
dwayne dylan dynamo dynasty eagle eagleeye eagles earnhard earnhardt earth easter easy easygoing ebay echo eclipse
ecuador edcrfv edgar edinburgh edison edith edmonton eduardo education edward edwardcullen edwards edwin eeyore
egypt eightball eileen eindhoven einstein eintracht elaine elderscrolls eleanor electra electric electrician
electricity electro electron elefant element elements elena elephant elephants elfriede elias elijah elisa elisabeth
elise elite eliteforce elizabet elizabeth elke ella ellen elliot elliott elmo eloise elsa elves elvira elvis
elvispresley emanuel emerald emilia emilie emily eminem emma emmanuel emmanuelle emoboy emogirl emperor empire
enculer energy enero engel engelchen engine engineer engineering engines england english enigma enrique enter
enterprise entrar epsilon epson eragon eric erica erich erika eriksson erin ernesto erotic erotica escort esmeralda
espana españa esperanza espresso essen estate estefania estella esther estrella estrellita eternal eternity ethan
ethereum ethiopia eugene europa europe evan evanescence evangelion evans evelina evelyn evening everest everlast
everques everquest everton everyone everything evil evildead evolution example excalibur excellent exclusive exploit
explore explorer expos extreme ezio f14tomcat fabian fabio fabiola fabulous facebook fairies fairy fairytale faith
faithful falcon falcons fallout fame famiglia familia familie famille family familyguy famous fanta fantasia
fantastic fantasy farcry farewell farm farmall farmboy farmer fashion fatass fatboy fatboyslim fatcat fathead father
fatima fatso fatty fbi123 fckoeln fcporto fearless feather feathers febrero februar february federer fedora felicia
felicity felipe felix fender fenerbahce fenway ferdinand ferien fernanda fernandes fernando ferrari ferreira ferret
fester fetish fevrier feyenoord fiat fick fickdich ficken fidelio fidelity fido fiesta fiftycent fight fightclub
fighter fighting film filter filth finalfan finalfantasy findingnemo finland fiona fiorentina fire fireball firebird
firefighter firefly firefox fireman firenze firestorm firewall firmware fisch fischer fish fishbone fisher fisherman
fishes fishing fishy fitness flame flamengo flames flamingo flash flashman fleur flicka flight flintstone
flintstones flipper floppy flora florence flores florian florida flounder flower flowerpower flowers floyd fluff
fluffy flute fly123 flyaway flyboy flyer flyers flying focus football ford fordf150 forest forever foreveryoung
forget forgetit forgetme forgot forgotten forlife formula1 forrest forrestgump forthehorde fortnite fortran fortuna
fortune forza foster fotze foxes foxfire foxtrot foxy foxylady francais france frances francesca francesco francis
francisco frank frankfurt frankie franklin franziska frasier fratello freak freaks freaky fred freddie freddy
frederic frederick fredfred free freebird freedom freeman freeme freeuser freeway freezing freiburg freiheit freitag
french frenchfry frere fresh freshman freya friday frieda friedrich friend friendly friends friendship frisco frisky
fritz frodo frog frogger froggie froggy frogman frogs frontier frost frostmourne frosty frozen fruehling frühling
fuck fucker fuckers fuckface fuckfuck fuckhead fucking fuckit fuckme fuckoff fuckthis fucku fuckyou fudge fugazi
funfun funky funkymonkey funny funnyman funtime furry fussball futbol futebol futurama future fuzzy gabe gabriel
gabriela gabriella gabrielle gaby gadget galactica galant galatasaray galaxy galileo galore galway gambit game
gameboy gamecube gameofthrones gameover gamer gamers games gaming gamma gandalf ganesh ganesha gang gangbang gangsta
gangster gangsters ganondorf garage garcia garden gardener gardenia garfield gargoyle garlic garrett gary gast
gateway gator gatorade gators gavin gayboy gayguy gdansk gears gearsofwar geburtstag gecko geek geeks geforce geheim
geheimnis gelb gemini gemstone general genesis geneva genevieve genius genova gentle gentleman geoffrey geography
george georgia georgina gerald geralt gerard gerda gerhard german germany gerrard gertrud getmoney getout getsome
ghana ghost ghostrider ghosts giant giants gibson giggle giggles gijoe gilbert gilligan gilmore gimli gina ginger
giovanna giovanni giraffe giraffes girl girlfriend girlgirl girlpower girls gisela giulia giuseppe gizmo gladiator
glados gladys glasgow glitch glitter globe glock gloria glory gloworm gmail gnome goalie goalkeeper goat goats
goaway goblin goblue gobucks gocubs godbless goddess godfather godisgood godislove godofwar gods godsmack godzilla
gofish gohan goku gold goldberg golden goldeneye goldfinger goldfish goldie goldstar goldwing golf golfball golfer
golfgolf golfing gollum gomez gonzales gonzalez goober good goodboy goodbye goodday goodfellas goodgirl goodlife
goodluck goodmorning goodnight goodtime goodtimes goofy google googlemail goose gopher goran gordon gordonfreeman
gorgeous gorilla gorillaz gospel goteborg goth gotham gothic grace graciela graham gran granada grandam grandma
grandpa grandtheftauto granny grant grantur granturismo grape grapefruit grapes graphics grasshop grasshopper gray
graz greece green greenday greengreen greenlantern greentea gregor gregory gremio gremlin grenade greta gretchen
grey greyhound greys griffey griffin grimreaper grinch grizzlies grizzly groovy grover gruen grumpy grunge
gryffindor grün gta4 gta5 gtasa gtasanandreas guadalajara guadalupe guardian guatemala gudrun guess guessme guesswho
guest guildwars guillaume guillermo guineapig guinevere guinness guitar guitarist guitarra guitars gumball gumby
gummybear gunner gunners guns gunsnrose gunsnroses gunther gustavo gutentag gutierrez gymnast gymnastics gymrat
gypsy habs hack hacked hacker hackers hacking hades haeschen hagrid hailey hairy haiti haley halflife hall
hallelujah hallo hallohallo hallowee halloween halo hamburg hamburger hamburgersv hamilton hamlet hammer hammers
hamster hamsters handball handjob handsome handyman hanna hannah hannahmontana hannes hannover hanoi hans hansen
hansolo hanuman happiness happy happycat happyday happydays happyface happyfeet happygirl happyhappy harald hardcore
hardrock hardware harlem harley harleyd harleydavidson harleyquinn harmony harold harriet harris harrison harry
harrypotter harrystyles hartmann harvard harvey hase hasi haslo hassan hasło hate hateme hater haters havana havoc
hawaii hawaiian hawk hawkeye hawkeyes hawks headcrab headshot health healthy heart heartbreak heartbroken
hearthstone heartless hearts heat heather heaven heavenly heavymetal hector hedgehog hedwig heidelberg heidi heike
heineken heinrich heinz heisenberg helen helena helene helga helicopter hell hellas hellboy hellfire hello
hellohello hellokitty helloween helloworld hellraiser helmut helsinki heman henderson hendrix henriette henry hentai
herbert herbst hercules herman hermana hermann hermano hermanos hermes hermione hermosa hermoso hero herobrine
heroes heroine hertha herz herzchen heslo hessen hewlett hibernian highland highlander highlife highway hijodeputa
hiker hiking hilda hill hillbilly hills hiphop hippie hippo history hitachi hitman hiver hobbit hockey hoffmann
hofmann hogan hogwarts hola holger holiday holidays holland holly hollywood holmes holy holyspirit home homeboy
homer homerjay homers homersimpson homerun homework homo honda hondacivic honduras honey honeybear honeybee honeybun
honeydew honeymoon hongkong honolulu honor honour hooker hooligan hooligans hoosiers hooters hoover hope horde
hornet hornets horny horse horses horst hospital hotboy hotdog hotdogs hotgirl hotgirls hotgurl hothot hotmail
hotmama hotpink hotrod hotsex hotshot hotstuff hottest hottie hotties houdini hound house houses houston hover
howard howimetyourmother hoyas hrvatska huawei hubby hubert hufflepuff hugecock hughes hugo hugs hugsnkisses hulk
hulkhogan humberto hummer humphrey hund hunde hungary hungergames hunter hunters hunting huntress hurensohn
hurricane hurricanes husband huskers huskies husky hussein hustle hustler hyderabad hyrule hyundai ibanez ibelieve
ibiza ibrahim icarus iceberg icecold icecream icecube icehockey iceland iceman ichigo ichliebedich idefix idiot
idontknow idunno ignorant iguana ihate ihateu ihateyou illidan illinois illusion ilona ilovegod iloveher ilovehim
iloveme iloveu iloveyou iloveyousomuch ilse imagine immortal impala imperial impossible impreza inception incubus
independence india indian indiana indianapolis indians indigo indonesia indycar ines inferno infinite infiniti
infinity inflames inga ingrid innocent innsbruck insane insanity insight insomnia inspired instagram integra intel
inter intermilan international internet intranet intruder inuyasha invader inverno invierno invisible iowa ipad
iphone ipod ipodnano iran iraq ireland irene irina iris irish irma ironmaid ironmaiden ironman isaac isabel isabela
isabell isabella isabelle isaiah isla islam islamabad island islands ismail israel istanbul itachi italia italian
italiana italiano italy itsme ivan ivana ivanov iverson ivonne izmir jack jackass jackdaniels jackie jackjack
jackpot jackson jacksonville jacob jacobblack jacquelin jacqueline jade jaguar jaguars jaime jakarta jamaica james
jamesbond jamie jammer jana jane janelle janet janette janice janina janine janitor januar january janvier japan
japanese jared jasmin jasmine jason jasper java javascript javier jaybird jayhawk jayhawks jayz jazmin jazmine jazz
jazzman jazzy jealous jean jeanette jeannie jedi jedimaster jeep jeepers jeepster jeff jefferson jeffery jeffgordon
jeffrey jello jelly jellybean jellybeans jellyfish jenkins jenna jennie jennifer jenny jens jensen jeremiah jeremy
jerome jerry jersey jerusalem jesse jessica jessie jester jesus jesuschrist jesuscristo jesuslives jeter jethro jets
jetski jetta jeudi jewel jewels jigsaw jill jimbo jimbob jimenez jimihendrix jimin jimmy jingle jinkazama jinx
joachim joan joana joanna joanne joaquin jocelyn joder joejoe joel joerg joey joeyjoey johan johann johanna johannes
johannesburg johansson john johnathan johndeere johnjohn johnlennon johnny johnson joker jokers jolanda jolie jonas
jonasbrothers jonathan jonathon jones jonsnow jordan jorge jose josef josefine joseph josephine joshua josie journey
joyce joyful joyjoy joyride juan juana juancarlos juanita juanito judge judith judo judy juergen jueves juggalo
juggernaut juice juicy juillet juin jules juli julia julian juliana juliane julianna julie julien juliet juliette
julio julius july july4th jumbo jumper june jungkook jungle juni junio junior juniper junk junkie junkmail jupiter
jurassic jurgen justdoit justforme justice justin justinbieber justme jutta juve juventus kaetzchen kaitlyn kakashi
kamikaze kangaroo kansas kansascity kanye kanyewest kappa karachi karate karen karin karina karl karla karlsruhe
karlsson karma karolina karsten kashmir katana kate katelyn katerina katharina katherine kathleen kathrin kathryn
kathy katie katja katniss katrin katrina katyperry katze katzen kawasaki kayla keeper keepout keith kelly kelsey
kelvin ken123 kendall kenneth kenny kent kentucky kenworth kenya kermit kerstin kevin keyboard keystone khaleesi
kickass kickboxing kicker kiddo kids kiev kill killbill killer killerbee killers killjoy killme killyou kilroy
kimberley kimberly kimmie kimono kindergarten king kingdom kingdomhearts kingfisher kingking kingkong kingpin kings
kingston kinky kirby kirk kirsten kiss kisses kissing kissme kissyou kitkat kitten kittens kitties kitty kittycat
kittykat kiwi klara klaus klein klingon klondike knickers knicks knight knights knuckle knuckles koala kobe
kobebryant kobenhavn koch kodak kodeord koehler koeln kolkata kombat konrad konstantin kool koolaid koolio koolkat
korea korn kosovo kowalski kpop krakow kramer kratos krause krishna kristen kristin kristina kristine kristy krueger
krypton kungfu kurt kurtcobain kurwa kyiv kyle kyoto kyra köln labrador lacrosse lada laddie ladies lady ladybird
ladybug ladygaga lahore lake lakers lakes lakeside lakota lamb lambda lambo lamborgh lamborghini lampard lance
lancearmstrong lancelot lancer lancia landmark landrover lange lannister laptop lara laracroft larissa larry lars
larsson lasagna laser laserjet lasttime lasvegas latin latina latino latoya latte laugh laughing laughter laura
lauren laurent laurie lava lavender lavidaloca lawrence lawyer lawyers layup lazio leafs league leagueoflegends leah
leandra learning leather lebanon lebron ledzep ledzeppelin leeds leet lefebvre legacy legal legend legendary legends
legion legolas lehmann lehrer leia leicester leila leipzig lemon lemonade lemons lena leningrad lennon lenovo leo123
leon leonard leonardo leonie leopard leopold leroy lesbian lesbians leslie lespaul lestat lester leticia letitbe
letmein letmeinnow lettuce leverkusen leviathan lewis lexmark lexus liam libertad liberte liberty libra library
license lidia liebe liebling light lightbulb lighthouse lightnin lightning lights lila lilbit lilian liliana lilies
lille lillian lilly lilman lilwayne lily lima lime limp limpbizkit lina lincoln linda lindsay lindsey lineage
linebacker lineman link linked linkedin linkin linkinpa linkinpark linux lion lionel lioness lionheart lionking
lions lipstick lisa lisasimpson lisboa lisbon liselotte listen little littlebit littleman littleone live live4fun
livelife liverpoo liverpool living lizard lkjhgf lkjhgfdsa llama lloyd lobster loca lockdown loco locos loewe logan
logical login logitech logmein logon loki lol123 lol12345 lola lolita lollipop lollypop london lonely lonestar
lonewolf long longbeach longdong longhair longhorn longhorns looking looneytunes loopy lord lordjesus lordoftherings
lorena lorenzo loretta lori lorraine losangeles losenord loser losers lost lotr lottery lotus louie louis louisa
louise louisiana love loveable lovebird lovebirds lovebug lovehate lovehurts lovelove lovely loveme lover lovers
lovesme lovesong lovestory loveu loveyou loving loyal loyalty lozinka luca lucas lucia luciana luciano lucie lucifer
lucille lucinda lucky luckycharm luckydog luckyone luckystar lucy ludacris luffy luigi luis luisa luise lukas luke
lukeskywalker lullaby luna lunalunera lunatic lunchbox lundi lunes luther luxembourg luzern lydia lynx lyon lösenord
löwe
"""
